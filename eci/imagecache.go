package eci

import (
	"strconv"
	"strings"
	"time"
)

// ImageCacheSpec is what CreateImageCache makes (eci §2.2). The zero value of a
// field is not sent: the service's default holds.
type ImageCacheSpec struct {
	// Name is required. It needs not be unique (eci §6.16).
	Name string `json:"name"`
	// Images are references, 1 to Config.MaxImages (20: eci §1.4).
	Images []string `json:"images"`
	// SizeGiB must hold the images unpacked, 20 to 32768; 0 is the service's 20
	// (eci §1.4).
	SizeGiB int `json:"sizeGiB,omitempty"`
	// RetentionDays is 1 to 65536; 0 keeps the cache for ever (eci §1.5).
	RetentionDays int `json:"retentionDays,omitempty"`
	// ReuseLayers takes layers from caches that exist (AutoMatchImageCache, which
	// means something else for container groups: eci §1.8).
	ReuseLayers bool `json:"reuseLayers,omitempty"`
	// Flash makes the cache usable before its regular snapshot is (eci §1.7).
	Flash bool `json:"flash,omitempty"`
	// FlashCopies is the number of local snapshots, StandardCopies that of regular
	// ones: one for every 1,000 groups started at once (eci §1.6); 0 is one.
	FlashCopies    int `json:"flashCopies,omitempty"`
	StandardCopies int `json:"standardCopies,omitempty"`
	// Elimination is empty (kept) or EliminationLRU.
	Elimination string `json:"elimination,omitempty"`
	// RegistryCredentials are at most 10.
	RegistryCredentials []RegistryCredential `json:"registryCredentials,omitempty"`
	// ACR are instances of ACR Enterprise Edition to pull from without a password,
	// at most 20.
	ACR []ACRRegistry `json:"acr,omitempty"`
	// EIPInstanceID is an elastic IP for pulls from the internet.
	EIPInstanceID   string `json:"eipInstanceId,omitempty"`
	ResourceGroupID string `json:"resourceGroupId,omitempty"`
	// Tags are at most 20.
	Tags []Tag `json:"tags,omitempty"`
	// PlainHTTPHosts are registries without TLS, InsecureHosts those whose
	// certificate is not checked.
	PlainHTTPHosts []string `json:"plainHTTPHosts,omitempty"`
	InsecureHosts  []string `json:"insecureHosts,omitempty"`
	// OSType is empty or Linux, or Windows (by invitation).
	OSType string `json:"osType,omitempty"`
	// SecurityGroupID and VSwitchIDs (1 to 10) are required by the documentation
	// and not by the schema (eci §2.2): they are sent if they are given.
	SecurityGroupID string   `json:"securityGroupId,omitempty"`
	VSwitchIDs      []string `json:"vSwitchIds,omitempty"`
	ZoneID          string   `json:"zoneId,omitempty"`
	// Annotations is not for public use (eci §2.2).
	Annotations string `json:"annotations,omitempty"`
	// ClientToken makes a repeated call the same call: at most 64 ASCII characters.
	// Empty: the client makes one for the call and its retries.
	ClientToken string `json:"clientToken,omitempty"`
}

// CreatedImageCache is what CreateImageCache answers.
type CreatedImageCache struct {
	// ID is imc-...
	ID string `json:"id"`
	// HelperGroupID is the container group that pulls the images, eci-...
	HelperGroupID string `json:"helperGroupId,omitempty"`
	// ClientToken is the one that was sent.
	ClientToken string `json:"clientToken"`
	RequestID   string `json:"requestId"`
}

// ImageCacheUpdate changes a cache that is Ready or UpdateFailed (eci §2.3). What is
// empty or nil is not sent; that it then stays as it is, is inferred.
type ImageCacheUpdate struct {
	// ID is required.
	ID             string   `json:"id"`
	Name           string   `json:"name,omitempty"`
	Images         []string `json:"images,omitempty"`
	SizeGiB        int      `json:"sizeGiB,omitempty"`
	RetentionDays  int      `json:"retentionDays,omitempty"`
	ReuseLayers    *bool    `json:"reuseLayers,omitempty"`
	Flash          *bool    `json:"flash,omitempty"`
	FlashCopies    int      `json:"flashCopies,omitempty"`
	StandardCopies int      `json:"standardCopies,omitempty"`
	// Elimination that points to an empty text is sent as such; whether the service
	// then keeps the cache is not documented.
	Elimination         *string              `json:"elimination,omitempty"`
	RegistryCredentials []RegistryCredential `json:"registryCredentials,omitempty"`
	// ACR must be without ARNService and ARNUser here (eci §2.3).
	ACR             []ACRRegistry `json:"acr,omitempty"`
	EIPInstanceID   string        `json:"eipInstanceId,omitempty"`
	ResourceGroupID string        `json:"resourceGroupId,omitempty"`
	Tags            []Tag         `json:"tags,omitempty"`
	SecurityGroupID string        `json:"securityGroupId,omitempty"`
	VSwitchIDs      []string      `json:"vSwitchIds,omitempty"`
	ClientToken     string        `json:"clientToken,omitempty"`
}

// ImageCacheQuery says which caches of the region are wanted (eci §2.5). What is
// empty does not restrict.
type ImageCacheQuery struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	SnapshotID string `json:"snapshotId,omitempty"`
	// Image is a filter such as nginx.
	Image           string `json:"image,omitempty"`
	ResourceGroupID string `json:"resourceGroupId,omitempty"`
	Tags            []Tag  `json:"tags,omitempty"`
	// MatchImages asks for the caches that fit these images best, best first as far
	// as is known (eci §2.5); at most 100.
	MatchImages []string `json:"matchImages,omitempty"`
	// FullMatch and MatchCount restrict MatchImages, for which alone they are (eci §2.5):
	// all images matched fully; at least so many.
	FullMatch  bool `json:"fullMatch,omitempty"`
	MatchCount int  `json:"matchCount,omitempty"`
	// Limit is the size of a page; 0 is the service's.
	Limit int `json:"limit,omitempty"`
	// NextToken is that of the page before; iterators set it themselves.
	NextToken string `json:"nextToken,omitempty"`
}

// ImageCachePage is one page of caches.
type ImageCachePage struct {
	ImageCaches []ImageCache `json:"imageCaches"`
	// NextToken is empty on the last page.
	NextToken string `json:"nextToken,omitempty"`
	// TotalCount is nil where the service does not tell.
	TotalCount *int   `json:"totalCount,omitempty"`
	RequestID  string `json:"requestId"`
}

// ImageCacheStatus is where a cache is in its life (eci §1.3).
type ImageCacheStatus string

// The states of a cache. Only a Ready one is used by container groups.
const (
	CachePreparing    ImageCacheStatus = "Preparing"
	CacheCreating     ImageCacheStatus = "Creating"
	CacheReady        ImageCacheStatus = "Ready"
	CacheFailed       ImageCacheStatus = "Failed"
	CacheUpdating     ImageCacheStatus = "Updating"
	CacheUpdateFailed ImageCacheStatus = "UpdateFailed"
)

// Usable says whether container groups can start from the cache.
func (s ImageCacheStatus) Usable() bool { return s == CacheReady }

// Updatable says whether UpdateImageCache is accepted (eci §1.3).
func (s ImageCacheStatus) Updatable() bool { return s == CacheReady || s == CacheUpdateFailed }

// Settled says whether the service is done with it, well or not.
func (s ImageCacheStatus) Settled() bool {
	return s == CacheReady || s == CacheFailed || s == CacheUpdateFailed
}

// The values of ImageCacheSpec.Elimination.
const (
	// EliminationKeep: the cache stays until it is deleted or expires.
	EliminationKeep = ""
	// EliminationLRU: it may go when the quota is reached.
	EliminationLRU = "LRU"
)

// ImageCache is a cache as the service describes it. Times have a resolution of
// one second; a zero time is one that the service did not tell.
type ImageCache struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Images []string `json:"images"`
	// SizeGiB is that of the disk that a group gets; 0 if it is not told.
	SizeGiB int              `json:"sizeGiB,omitempty"`
	Status  ImageCacheStatus `json:"status"`
	// Progress is the service's text, such as 100%: of the regular snapshot, so that
	// with Flash a cache is usable below 100% (eci §1.3).
	Progress string `json:"progress,omitempty"`
	// SnapshotID is the regular snapshot, FlashSnapshotID the local one.
	SnapshotID      string `json:"snapshotId,omitempty"`
	FlashSnapshotID string `json:"flashSnapshotId,omitempty"`
	// ContainerGroupID is the group that made it.
	ContainerGroupID string    `json:"containerGroupId,omitempty"`
	CreatedAt        time.Time `json:"createdAt,omitzero"`
	// ExpiresAt is zero for a cache that is kept.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// LastMatchedAt is zero for a cache that never matched.
	LastMatchedAt   time.Time `json:"lastMatchedAt,omitzero"`
	RegionID        string    `json:"regionId,omitempty"`
	ResourceGroupID string    `json:"resourceGroupId,omitempty"`
	Elimination     string    `json:"elimination,omitempty"`
	Tags            []Tag     `json:"tags,omitempty"`
	// Events are at most the latest 50 (eci §1.3), in the service's order.
	Events []Event `json:"events,omitempty"`
}

// AutomaticCachePrefix begins the names of caches that ECI makes by itself; the
// ID of the container group that caused it follows (eci §1.2).
const AutomaticCachePrefix = "auto-create-for-"

// ProgressFraction is the cache's progress as a number from 0 to 1; false if it is
// not told.
func (i ImageCache) ProgressFraction() (float64, bool) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(i.Progress), "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return 0, false
	}
	return percent / 100, true
}

// Automatic says whether ECI made the cache by itself, by its name (eci §1.2), and
// for which container group.
func (i ImageCache) Automatic() (groupID string, automatic bool) {
	return strings.CutPrefix(i.Name, AutomaticCachePrefix)
}
