package eci

import "time"

// ContainerGroupSpec is what CreateContainerGroup starts (eci §2.6). The zero
// value of a field is not sent: the service's default holds.
type ContainerGroupSpec struct {
	// Name is required: 2 to 128 lower-case letters, digits and hyphens.
	Name string `json:"name"`
	// Containers are 1 to 20, InitContainers at most 20.
	Containers     []Container `json:"containers"`
	InitContainers []Container `json:"initContainers,omitempty"`
	// VCPU (at most 64: eci §2.8) and MemoryGiB are the group's; InstanceTypes, in
	// order of preference, stand in their place.
	VCPU          float64  `json:"vCPU,omitempty"`
	MemoryGiB     float64  `json:"memoryGiB,omitempty"`
	InstanceTypes []string `json:"instanceTypes,omitempty"`

	// AutoMatchImageCache lets ECI choose a cache, and make an automatic one where
	// none fits fully (eci §1.9, §1.10). It is always sent, also as false.
	AutoMatchImageCache bool `json:"autoMatchImageCache,omitempty"`
	// ImageCacheID is an explicit cache, imc-... (sent as ImageSnapshotId: eci §1.11).
	ImageCacheID string `json:"imageCacheId,omitempty"`
	// AccelerateMode is empty, AccelerateNydus, AccelerateDADI, AccelerateP2P or
	// AccelerateImageCache.
	AccelerateMode string `json:"accelerateMode,omitempty"`
	// EphemeralStorageGiB is what is wanted beyond the free 30 GiB, 0 to 5000.
	EphemeralStorageGiB int `json:"ephemeralStorageGiB,omitempty"`

	RegistryCredentials []RegistryCredential `json:"registryCredentials,omitempty"`
	ACR                 []ACRRegistry        `json:"acr,omitempty"`
	PlainHTTPHosts      []string             `json:"plainHTTPHosts,omitempty"`
	InsecureHosts       []string             `json:"insecureHosts,omitempty"`

	ZoneID          string `json:"zoneId,omitempty"`
	SecurityGroupID string `json:"securityGroupId,omitempty"`
	// VSwitchIDs are at most 10.
	VSwitchIDs []string `json:"vSwitchIds,omitempty"`
	// ScheduleStrategy is empty, VSwitchOrdered or VSwitchRandom.
	ScheduleStrategy string `json:"scheduleStrategy,omitempty"`
	// EIPInstanceID is an elastic IP that exists; AutoCreateEIP makes one, with
	// EIPBandwidthMbit (0 is the service's 5 Mbit/s).
	EIPInstanceID    string `json:"eipInstanceId,omitempty"`
	AutoCreateEIP    bool   `json:"autoCreateEIP,omitempty"`
	EIPBandwidthMbit int    `json:"eipBandwidthMbit,omitempty"`
	// FixedIP keeps the group's address; FixedIPRetainHours for so long after its end.
	// eci §2.6 knows of parameters FixedIp... only: their names and meaning are inferred.
	FixedIP            bool   `json:"fixedIP,omitempty"`
	FixedIPRetainHours int    `json:"fixedIPRetainHours,omitempty"`
	HostName           string `json:"hostName,omitempty"`

	// RestartPolicy is empty (Always), RestartAlways, RestartOnFailure or RestartNever.
	RestartPolicy string `json:"restartPolicy,omitempty"`
	// ActiveDeadline stops the group after so long, in whole seconds; benchmarks
	// should set one. TerminationGrace is 0 for the service's 30 s.
	ActiveDeadline   time.Duration `json:"activeDeadlineSeconds,omitempty"`
	TerminationGrace time.Duration `json:"terminationGraceSeconds,omitempty"`
	// MaxPending is how long the group may wait for stock, in whole minutes. The
	// annotation of that name allows 10 min to 24 h, 4 h by default (eci §4.1); whether
	// the parameter does is not documented.
	MaxPending time.Duration `json:"maxPendingSeconds,omitempty"`

	// SpotStrategy is empty or NoSpot, SpotAsPriceGo, SpotWithPriceLimit: the values
	// that ECS has, inferred. Currency and time of SpotPriceLimit are not documented;
	// for ECS it is a price per hour.
	SpotStrategy   string  `json:"spotStrategy,omitempty"`
	SpotPriceLimit float64 `json:"spotPriceLimit,omitempty"`
	// SpotDurationHours is the protected time of a spot group, nil the service's; that
	// it is hours is inferred from ECS.
	SpotDurationHours *int `json:"spotDurationHours,omitempty"`
	StrictSpot        bool `json:"strictSpot,omitempty"`
	// ComputeCategories are in order of preference, such as economy.
	ComputeCategories []string `json:"computeCategories,omitempty"`
	// CPUArchitecture is such as AMD64 or ARM64 (values inferred), empty the service's.
	CPUArchitecture string `json:"cpuArchitecture,omitempty"`
	// OSType is empty or Linux, or Windows.
	OSType string `json:"osType,omitempty"`

	// The DataCache fields mount a data cache's disk (eci §1.13). Of their parameters
	// DataCacheProvisionedIops and DataCacheBurstingEnabled are inferred.
	DataCacheBucket          string `json:"dataCacheBucket,omitempty"`
	DataCachePL              string `json:"dataCachePL,omitempty"`
	DataCacheProvisionedIOPS int    `json:"dataCacheProvisionedIOPS,omitempty"`
	DataCacheBursting        bool   `json:"dataCacheBursting,omitempty"`

	// Tags are at most 20.
	Tags            []Tag  `json:"tags,omitempty"`
	ResourceGroupID string `json:"resourceGroupId,omitempty"`
	RAMRoleName     string `json:"ramRoleName,omitempty"`
	// DryRun only checks: what would have succeeded gives ErrDryRun. ClientToken is
	// not used then, for the service might take the real call for the same one.
	DryRun bool `json:"dryRun,omitempty"`
	// ClientToken is as in ImageCacheSpec.
	ClientToken string `json:"clientToken,omitempty"`
}

// The values of ContainerGroupSpec.AccelerateMode; the image must support the
// mode (eci §1.13).
const (
	AccelerateNydus      = "nydus"
	AccelerateDADI       = "dadi"
	AccelerateP2P        = "p2p"
	AccelerateImageCache = "imc"
)

// The values of ContainerGroupSpec.RestartPolicy.
const (
	RestartAlways    = "Always"
	RestartOnFailure = "OnFailure"
	RestartNever     = "Never"
)

// The values of Container.PullPolicy. Without one the service is assumed to take
// Always for :latest, else IfNotPresent (eci §1.10).
const (
	PullAlways       = "Always"
	PullIfNotPresent = "IfNotPresent"
	PullNever        = "Never"
)

// The values of ContainerGroupSpec.ScheduleStrategy.
const (
	VSwitchOrdered = "VSwitchOrdered"
	VSwitchRandom  = "VSwitchRandom"
)

// Container is one container, or init container, of a group.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// VCPU and MemoryGiB are the container's share; 0 leaves them out.
	VCPU       float64 `json:"vCPU,omitempty"`
	MemoryGiB  float64 `json:"memoryGiB,omitempty"`
	PullPolicy string  `json:"pullPolicy,omitempty"`
	// Command replaces the image's entry point; Args are at most 10.
	Command     []string      `json:"command,omitempty"`
	Args        []string      `json:"args,omitempty"`
	Environment []Environment `json:"environment,omitempty"`
	Ports       []Port        `json:"ports,omitempty"`
}

// Environment is a variable of a container. Its value may be a password, and is never
// printed, written or logged; in what the service answers it is masked where it has at
// least eight characters and stands as a word of its own.
type Environment struct {
	Name  string `json:"name"`
	Value Secret `json:"value"`
}

// Port is a port that a container listens on.
type Port struct {
	Port int `json:"port"`
	// Protocol is such as TCP or UDP (inferred); empty is the service's default.
	Protocol string `json:"protocol,omitempty"`
}

// CreatedContainerGroup is what CreateContainerGroup answers.
type CreatedContainerGroup struct {
	// ID is eci-...
	ID          string `json:"id"`
	ClientToken string `json:"clientToken"`
	RequestID   string `json:"requestId"`
}

// ContainerGroupDeletion is which group DeleteContainerGroup removes (eci §2.7).
type ContainerGroupDeletion struct {
	ID string `json:"id"`
	// Force does not wait for a graceful end.
	Force       bool   `json:"force,omitempty"`
	ClientToken string `json:"clientToken,omitempty"`
}
