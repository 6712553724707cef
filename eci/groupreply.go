package eci

import "time"

// ContainerGroupQuery says which groups of the region are wanted (eci §2.7). What
// is empty does not restrict.
type ContainerGroupQuery struct {
	// IDs are any number for ContainerGroups, at most 20 for one page. Nil asks for
	// all groups; a list that is empty but not nil for none, without a call.
	IDs    []string    `json:"ids,omitempty"`
	Name   string      `json:"name,omitempty"`
	Status GroupStatus `json:"status,omitempty"`
	Tags   []Tag       `json:"tags,omitempty"`
	// WithEvents asks for each group's events, too.
	WithEvents      bool   `json:"withEvents,omitempty"`
	ZoneID          string `json:"zoneId,omitempty"`
	VSwitchID       string `json:"vSwitchId,omitempty"`
	SecurityGroupID string `json:"securityGroupId,omitempty"`
	ResourceGroupID string `json:"resourceGroupId,omitempty"`
	ComputeCategory string `json:"computeCategory,omitempty"`
	// Limit is the size of a page, at most 20, which is the service's default.
	Limit int `json:"limit,omitempty"`
	// NextToken is that of the page before, and is not for more than 20 IDs.
	NextToken string `json:"nextToken,omitempty"`
}

// ContainerGroupPage is one page of groups.
type ContainerGroupPage struct {
	ContainerGroups []ContainerGroup `json:"containerGroups"`
	// NextToken is empty on the last page.
	NextToken string `json:"nextToken,omitempty"`
	// TotalCount is nil where the service does not tell.
	TotalCount *int   `json:"totalCount,omitempty"`
	RequestID  string `json:"requestId"`
}

// GroupStatus is where a container group is in its life (eci §3.1).
type GroupStatus string

// The states of a container group.
const (
	GroupScheduling     GroupStatus = "Scheduling"
	GroupPending        GroupStatus = "Pending"
	GroupRunning        GroupStatus = "Running"
	GroupRestarting     GroupStatus = "Restarting"
	GroupUpdating       GroupStatus = "Updating"
	GroupTerminating    GroupStatus = "Terminating"
	GroupSucceeded      GroupStatus = "Succeeded"
	GroupFailed         GroupStatus = "Failed"
	GroupExpired        GroupStatus = "Expired"
	GroupScheduleFailed GroupStatus = "ScheduleFailed"
)

// Ended says whether nothing more will happen to the group. What is known of an
// ended group is kept for an hour at least, of one that failed to schedule for
// 24 h (eci §3.1).
func (s GroupStatus) Ended() bool {
	switch s {
	case GroupSucceeded, GroupFailed, GroupExpired, GroupScheduleFailed:
		return true
	}
	return false
}

// Billed says whether the group costs money in this state (eci §3.1). A state
// that this package does not know counts as billed.
func (s GroupStatus) Billed() bool { return s != GroupScheduling && !s.Ended() }

// ContainerGroup is a group as DescribeContainerGroups tells it. Times have a
// resolution of one second; a zero time did not come, or was not told.
type ContainerGroup struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Status    GroupStatus `json:"status"`
	RegionID  string      `json:"regionId,omitempty"`
	ZoneID    string      `json:"zoneId,omitempty"`
	CreatedAt time.Time   `json:"createdAt,omitzero"`
	// SucceededAt is when all containers had ended well.
	SucceededAt time.Time `json:"succeededAt,omitzero"`
	FailedAt    time.Time `json:"failedAt,omitzero"`
	ExpiredAt   time.Time `json:"expiredAt,omitzero"`
	VCPU        float64   `json:"vCPU,omitempty"`
	MemoryGiB   float64   `json:"memoryGiB,omitempty"`
	// EphemeralStorageGiB is beyond the free 30 GiB.
	EphemeralStorageGiB int    `json:"ephemeralStorageGiB,omitempty"`
	InstanceType        string `json:"instanceType,omitempty"`
	// Discount is the service's figure as it stands; its unit is not documented. Nil
	// is not told.
	Discount        *float64 `json:"discount,omitempty"`
	RestartPolicy   string   `json:"restartPolicy,omitempty"`
	SecurityGroupID string   `json:"securityGroupId,omitempty"`
	VSwitchID       string   `json:"vSwitchId,omitempty"`
	ResourceGroupID string   `json:"resourceGroupId,omitempty"`
	// IntranetIP and InternetIP are the group's addresses, as far as it has them.
	IntranetIP     string           `json:"intranetIP,omitempty"`
	InternetIP     string           `json:"internetIP,omitempty"`
	Tags           []Tag            `json:"tags,omitempty"`
	Containers     []GroupContainer `json:"containers,omitempty"`
	InitContainers []GroupContainer `json:"initContainers,omitempty"`
	// Events are at most the latest 50, if WithEvents asked for them.
	Events []Event `json:"events,omitempty"`
}

// GroupContainer is a container of a group. Its environment is not read.
type GroupContainer struct {
	Name         string         `json:"name"`
	Image        string         `json:"image"`
	Ready        bool           `json:"ready"`
	RestartCount int            `json:"restartCount,omitempty"`
	VCPU         float64        `json:"vCPU,omitempty"`
	MemoryGiB    float64        `json:"memoryGiB,omitempty"`
	Current      ContainerState `json:"current,omitzero"`
	Previous     ContainerState `json:"previous,omitzero"`
}

// ContainerState is what a container does, or did.
type ContainerState struct {
	// State is Waiting, Running or Terminated; empty is not told.
	State        string    `json:"state,omitempty"`
	DetailStatus string    `json:"detailStatus,omitempty"`
	StartedAt    time.Time `json:"startedAt,omitzero"`
	FinishedAt   time.Time `json:"finishedAt,omitzero"`
	// ExitCode and Signal are nil until the container ends.
	ExitCode *int   `json:"exitCode,omitempty"`
	Signal   *int   `json:"signal,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
}

// The sources of events (eci §2.7, §3.2).
const (
	// EventsOfPlatform are those of ECI itself: caches hit and missed, stock.
	EventsOfPlatform = "EciService"
	// EventsOfKubelet are those of pulls and containers.
	EventsOfKubelet = "K8sAgent"
)

// GroupEventQuery says whose events are wanted, also for
// DescribeContainerGroupStatus.
type GroupEventQuery struct {
	// IDs are any number; the client asks for 20 at once. Nil asks for all groups; a
	// list that is empty but not nil for none, without a call.
	IDs []string `json:"ids,omitempty"`
	// Source is empty (both), EventsOfPlatform or EventsOfKubelet.
	Source string `json:"source,omitempty"`
	// Since restricts to the last so many seconds, 60 s to 1 h; 0 does not.
	Since time.Duration `json:"sinceSeconds,omitempty"`
	// Limit is the size of a page, 1 to 200; 0 is the service's.
	Limit           int    `json:"limit,omitempty"`
	Tags            []Tag  `json:"tags,omitempty"`
	ZoneID          string `json:"zoneId,omitempty"`
	VSwitchID       string `json:"vSwitchId,omitempty"`
	SecurityGroupID string `json:"securityGroupId,omitempty"`
	ResourceGroupID string `json:"resourceGroupId,omitempty"`
}

// GroupEvents are the events of one group, at most the latest 50, in the
// service's order.
type GroupEvents struct {
	GroupID   string `json:"groupId"`
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	UID       string `json:"uid,omitempty"`
	// Annotations are the group's, among them MatchedCacheAnnotation.
	Annotations map[string]string `json:"annotations,omitempty"`
	Events      []Event           `json:"events"`
}

// MatchedCacheAnnotation is written by ECI on a group that it started from a
// cache: the cache's ID (eci §3.3, §4.1).
const MatchedCacheAnnotation = "k8s.aliyun.com/eci-matched-image-cache"

// GroupState is a group in the words of Kubernetes.
type GroupState struct {
	GroupID     string            `json:"groupId"`
	Name        string            `json:"name,omitempty"`
	Namespace   string            `json:"namespace,omitempty"`
	UID         string            `json:"uid,omitempty"`
	Status      GroupStatus       `json:"status"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Pod         PodState          `json:"pod"`
}

// PodState is the status of the pod that a group is.
type PodState struct {
	Phase      string         `json:"phase,omitempty"`
	StartedAt  time.Time      `json:"startedAt,omitzero"`
	PodIP      string         `json:"podIP,omitempty"`
	QOSClass   string         `json:"qosClass,omitempty"`
	Conditions []PodCondition `json:"conditions,omitempty"`
	Containers []PodContainer `json:"containers,omitempty"`
}

// PodCondition is one of PodScheduled, ContainerInstanceCreated,
// ContainerHasSufficientDisk, PodReadyToStartContainers, Initialized,
// ContainersReady, Ready and Unschedulable (eci §2.7).
type PodCondition struct {
	Type string `json:"type"`
	// Status is True, False or Unknown.
	Status           string    `json:"status"`
	LastTransitionAt time.Time `json:"lastTransitionAt,omitzero"`
	Reason           string    `json:"reason,omitempty"`
	Message          string    `json:"message,omitempty"`
}

// PodContainer is a container as the kubelet tells it.
type PodContainer struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	// ImageID is the image that runs, mostly with its digest.
	ImageID      string `json:"imageId,omitempty"`
	Ready        bool   `json:"ready"`
	RestartCount int    `json:"restartCount,omitempty"`
	// Started is nil where it is not told.
	Started *bool          `json:"started,omitempty"`
	State   ContainerState `json:"state,omitzero"`
	Last    ContainerState `json:"last,omitzero"`
}
