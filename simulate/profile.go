package simulate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

// ProfileKind is the kind of a saved Profile.
const ProfileKind = "Profile"

// Profile is a kind of host and registry in numbers. Every value says where it
// comes from. A time is at most MostTime, a rate at least a byte per second.
type Profile struct {
	Name string `json:"name"`
	// Base names the built-in profile whose values hold where a file is silent;
	// containerd when not given, none for nothing at all.
	Base    string         `json:"base,omitempty"`
	Network NetworkProfile `json:"network"`
	Pull    PullProfile    `json:"pull"`
	Unpack  UnpackProfile  `json:"unpack"`
	Start   StartProfile   `json:"start"`
	Cache   CacheProfile   `json:"cache"`
	Node    NodeProfile    `json:"node"`
	// NodeClasses differ from the rest in the values that they name.
	NodeClasses map[string]document.Raw `json:"nodeClasses,omitempty"`
}

// NetworkProfile is the way from the registry to a node.
type NetworkProfile struct {
	// RoundTrip is from a request's sending to the registry's receiving and back.
	RoundTrip Parameter[time.Duration] `json:"roundTripSeconds"`
	// Request is the registry's own time to the first byte of an answer.
	Request Parameter[time.Duration] `json:"requestSeconds"`
	// Registry is the registry's egress, shared by all nodes.
	Registry Parameter[network.Rate] `json:"registryBytesPerSecond"`
	// Uplink is a NAT gateway or EIP, shared by all nodes.
	Uplink Parameter[network.Rate] `json:"uplinkBytesPerSecond"`
	// Node is one node's interface.
	Node Parameter[network.Rate] `json:"nodeBytesPerSecond"`
	// Connection caps each transfer.
	Connection Parameter[network.Rate] `json:"connectionBytesPerSecond"`
	// Goodput is the share of a link's rate that is layers' bytes; headers take the
	// rest. It holds for all links, not for Connection.
	Goodput Parameter[float64] `json:"goodputFraction"`
	// RegistryRequests is how many requests a second the registry begins to
	// answer.
	RegistryRequests Parameter[float64] `json:"registryRequestsPerSecond"`
	// OverRate is what happens to requests beyond that: wait, in line, or refuse
	// (429 Too Many Requests), of which RegistryBurst at once are not.
	OverRate      Parameter[string] `json:"overRate"`
	RegistryBurst Parameter[int64]  `json:"registryBurst"`
	// ErrorFraction of the requests is answered with an error of the server (5xx).
	ErrorFraction Parameter[float64] `json:"errorFraction"`
	// ConnectRoundTrips is what opening a connection costs: one for TCP, one more
	// for TLS 1.3. A pull opens one, and more for layers at once
	// (pull.reuseConnections).
	ConnectRoundTrips Parameter[int64] `json:"connectRoundTrips"`
	// TokenRequests is how many requests for access a pull needs first.
	TokenRequests Parameter[int64] `json:"tokenRequests"`
	// BlobRequests is how many requests a layer takes, 1 to 100: 2 where the
	// registry sends the client on to an object store.
	BlobRequests Parameter[int64] `json:"blobRequests"`
	// Links are further links that many nodes share, such as zones and racks:
	// a tree below the uplink.
	Links map[string]LinkProfile `json:"links,omitempty"`
	// Attach names the links at which nodes stand; with several, new nodes are
	// dealt to them in turn. Without any they stand at the uplink.
	Attach []string `json:"attach,omitempty"`
}

// LinkProfile is a link that many nodes share.
type LinkProfile struct {
	Rate Parameter[network.Rate] `json:"bytesPerSecond"`
	// Parent is the link above it; without one it is the uplink.
	Parent string `json:"parent,omitempty"`
}

// PullProfile is how the runtime pulls.
type PullProfile struct {
	// MaxConcurrentDownloads bounds transfers at once.
	MaxConcurrentDownloads Parameter[int64] `json:"maxConcurrentDownloads"`
	// DownloadScope is what the bound holds for: image or daemon.
	DownloadScope Parameter[string] `json:"downloadScope"`
	// RequestOrder is manifest, or race: mostly the last layer first, the rest
	// nearly in the order of the manifest.
	RequestOrder Parameter[string] `json:"requestOrder"`
	// MaxParallelImages is how many images of one start are pulled at once.
	MaxParallelImages Parameter[int64] `json:"maxParallelImages"`
	// MaxParallelPulls is how many images a node pulls at once, of whatever
	// starts: 1 under the kubelet's serializeImagePulls.
	MaxParallelPulls Parameter[int64] `json:"maxParallelPulls"`
	// KeepBlobs keeps compressed blobs after they are unpacked.
	KeepBlobs Parameter[bool] `json:"keepBlobs"`
	// ResolveRequests is what a pull asks before its first layer, one after
	// another; an image behind an index takes one more.
	ResolveRequests Parameter[int64] `json:"resolveRequests"`
	// Start is the runtime's own time for a pull, before the answer to its first request,
	// whatever there is to fetch.
	Start Parameter[time.Duration] `json:"startSeconds"`
	// Blob is the runtime's own time for each layer that it fetches, in which none of its
	// bytes flow: opening, verifying, storing it.
	Blob Parameter[time.Duration] `json:"blobSeconds"`
	// RepeatRequests is what a pull asks where the image is present with its
	// manifest and all its layers: what the reference means now.
	RepeatRequests Parameter[int64] `json:"repeatRequests"`
	// SlotRequests: a manifest or config takes a download slot as a layer does,
	// where the slots are the daemon's.
	SlotRequests Parameter[bool] `json:"slotRequests"`
	// ReuseConnections keeps a pull's connections for its next requests; otherwise
	// each request opens one.
	ReuseConnections Parameter[bool] `json:"reuseConnections"`
	// Retry is what the client does when it is refused.
	Retry RetryProfile `json:"retry"`
}

// RetryProfile is what a client does when a registry refuses a request or breaks
// off a transfer.
type RetryProfile struct {
	// Attempts is how often a request that is refused (429) is sent before the pull
	// fails, the first time included; ErrorAttempts the same for one that is
	// answered with an error of the server (5xx) or not at all. 1 to 100.
	Attempts      Parameter[int64] `json:"attempts"`
	ErrorAttempts Parameter[int64] `json:"errorAttempts"`
	// Delay comes before the second attempt, twice Delay before the third, and so
	// on.
	Delay Parameter[time.Duration] `json:"delaySeconds"`
	// Backoff comes before a failed pull is tried again, doubled each time up to
	// BackoffMax.
	Backoff    Parameter[time.Duration] `json:"backoffSeconds"`
	BackoffMax Parameter[time.Duration] `json:"backoffMaxSeconds"`
	// Sync is the time between the looks of what started the pull, from the failure
	// on: the pull is tried again at the first look after the back-off. 0 is at once.
	Sync Parameter[time.Duration] `json:"syncSeconds"`
	// Resume keeps what has arrived of a layer whose transfer broke off.
	Resume Parameter[bool] `json:"resume"`
}

// UnpackProfile is how fast layers are unpacked.
type UnpackProfile struct {
	// Cores are shared by all unpacks on a node.
	Cores Parameter[float64] `json:"cores"`
	// Decoder is what inflates gzip: a name of Decoders, whose rate holds where a
	// file gives none beside it.
	Decoder Parameter[string] `json:"decoder"`
	// Gzip and Zstd are unpacked bytes per second on one core.
	Gzip Parameter[network.Rate] `json:"gzipBytesPerSecond"`
	Zstd Parameter[network.Rate] `json:"zstdBytesPerSecond"`
	// Disk is the write speed that all unpacks on a node share.
	Disk Parameter[network.Rate] `json:"diskBytesPerSecond"`
	// Layer is the fixed time for each layer, File that for each tar entry.
	Layer Parameter[time.Duration] `json:"layerSeconds"`
	File  Parameter[time.Duration] `json:"fileSeconds"`
	// Parallel lets layers of one image be unpacked at once. MaxConcurrent layers of
	// all images of a node have a slot to be unpacked in, from the base up, which
	// they take before their blobs are there.
	Parallel      Parameter[bool]  `json:"parallel"`
	MaxConcurrent Parameter[int64] `json:"maxConcurrent"`
	// Fetch is how many bytes a second one core takes in from the network (checksum,
	// TLS, copies): transfers take that much of the cores from unpacking.
	// FetchDiskFraction is the share of the disk's speed that transfers take while
	// there are any.
	Fetch             Parameter[network.Rate] `json:"fetchBytesPerSecond"`
	FetchDiskFraction Parameter[float64]      `json:"fetchDiskFraction"`
}

// StartProfile is what surrounds the pull.
type StartProfile struct {
	// AdmitBurst and AdmitPerSecond are a token bucket for all starts.
	AdmitBurst     Parameter[int64]   `json:"admitBurst"`
	AdmitPerSecond Parameter[float64] `json:"admitPerSecond"`
	// Provision is sandbox or micro-VM.
	Provision Parameter[time.Duration] `json:"provisionSeconds"`
	// Create is creating and starting one container.
	Create Parameter[time.Duration] `json:"createSeconds"`
	// Ready is the program's own time to ready where the app does not state it.
	Ready Parameter[time.Duration] `json:"readySeconds"`
}

// CacheProfile is what an image cache costs in time.
type CacheProfile struct {
	// Attach is making and attaching the disk of a cache.
	Attach Parameter[time.Duration] `json:"attachSeconds"`
	// ReadFraction is the share of a cached image that is read before ready.
	ReadFraction Parameter[float64] `json:"readFraction"`
	// FirstRead is how fast a disk made from a snapshot is read the first time.
	FirstRead Parameter[network.Rate] `json:"firstReadBytesPerSecond"`
	// StartsPerCopy is how many starts at once one snapshot copy serves well;
	// beyond it a doubt is raised, the slowdown is not published.
	StartsPerCopy Parameter[int64] `json:"startsPerCopy"`
	// Copies is how many copies of each cache's snapshot there are, Copy how fast
	// one of them fills the disks made from it, all together.
	Copies Parameter[int64]        `json:"copies"`
	Copy   Parameter[network.Rate] `json:"copyBytesPerSecond"`
	// Build is from the last pull of a cache's images to Ready.
	Build Parameter[time.Duration] `json:"buildSeconds"`
	// Flash is the same for an instant cache.
	Flash Parameter[time.Duration] `json:"flashSeconds"`
}

// NodeProfile is a node that lives longer than one start.
type NodeProfile struct {
	// DiskGiB holds unpacked layers, and blobs where they are kept.
	DiskGiB Parameter[float64] `json:"diskGiB"`
	// HighFraction of the disk makes the node evict images, least recently used
	// first, down to LowFraction.
	HighFraction Parameter[float64] `json:"highFraction"`
	LowFraction  Parameter[float64] `json:"lowFraction"`
	// Boot precedes the first start on a node.
	Boot Parameter[time.Duration] `json:"bootSeconds"`
}

// ReadProfile reads a profile from the bytes of the file called name. Values
// that it does not give are its base's.
func ReadProfile(name string, data []byte) (*Profile, error) {
	var head profileHead
	if err := document.Read(name, data, ProfileKind, &head); err != nil {
		return nil, err
	}
	p := &Profile{}
	var baseName string
	if !head.Base.IsZero() {
		if err := head.Base.Decode(&baseName); err != nil {
			return nil, err
		}
	}
	switch baseName {
	case "none":
		p.Network.Goodput = allPayload() // as in files that are older than it
	case "":
		*p = *Containerd()
	default:
		base, err := BuiltIn(baseName)
		if err != nil {
			return nil, head.Base.At("", "%v", err)
		}
		*p = *base
	}
	p.NodeClasses = nil
	p.Unpack.useDecoder(head.Unpack)
	if err := document.Read(name, data, ProfileKind, p); err != nil {
		return nil, err
	}
	if len(p.Network.Links) > 0 && !p.attached() {
		return nil, head.Network.At("links", "no node stands at any of these links: name those that do under network.attach")
	}
	return p, nil
}

// attached says whether nodes of any class stand at links of their own.
func (p *Profile) attached() bool {
	if len(p.Network.Attach) > 0 {
		return true
	}
	for name := range p.NodeClasses {
		if c, err := p.Class(name); err == nil && len(c.Network.Attach) > 0 {
			return true
		}
	}
	return false
}

// profileHead reads a profile's base before the rest.
type profileHead struct {
	Name        document.Raw `json:"name"`
	Base        document.Raw `json:"base"`
	Network     document.Raw `json:"network"`
	Pull        document.Raw `json:"pull"`
	Unpack      document.Raw `json:"unpack"`
	Start       document.Raw `json:"start"`
	Cache       document.Raw `json:"cache"`
	Node        document.Raw `json:"node"`
	NodeClasses document.Raw `json:"nodeClasses"`
}

// Class returns the profile of a node class; the empty name is the profile
// itself.
func (p *Profile) Class(name string) (*Profile, error) {
	if name == "" {
		return p, nil
	}
	raw, ok := p.NodeClasses[name]
	if !ok {
		return nil, fmt.Errorf("profile %s has no node class %q: add it under nodeClasses", p.Name, name)
	}
	class := *p
	class.NodeClasses = nil
	var blocks map[string]document.Raw
	if raw.Decode(&blocks) == nil {
		class.Unpack.useDecoder(blocks["unpack"])
	}
	if err := raw.Decode(&class); err != nil {
		return nil, fmt.Errorf("profile %s, node class %s: %w", p.Name, name, err)
	}
	if n := class.Network; n.Registry != p.Network.Registry || n.Uplink != p.Network.Uplink || n.RegistryRequests != p.Network.RegistryRequests ||
		n.Goodput != p.Network.Goodput || n.OverRate != p.Network.OverRate || n.RegistryBurst != p.Network.RegistryBurst || n.ErrorFraction != p.Network.ErrorFraction || !maps.Equal(n.Links, p.Network.Links) {
		return nil, raw.At("network", "node class %s of profile %s changes the registry or links that all nodes share", name, p.Name)
	}
	if s := class.Start; s.AdmitBurst != p.Start.AdmitBurst || s.AdmitPerSecond != p.Start.AdmitPerSecond {
		return nil, raw.At("start", "node class %s of profile %s changes admission, which is the service's", name, p.Name)
	}
	if c := class.Cache; c.Copies != p.Cache.Copies || c.Copy != p.Cache.Copy {
		return nil, raw.At("cache", "node class %s of profile %s changes copies or copyBytesPerSecond, which are a cache's, whatever nodes read it", name, p.Name)
	}
	return &class, nil
}

// Validate reports values that cannot be.
func (p *Profile) Validate() error {
	if p.Name == "" {
		return document.At("name", "a profile needs a name")
	}
	var wrong []error
	for _, v := range p.values() {
		if err := v.check(); err != nil {
			wrong = append(wrong, document.At(v.name, "%v (profile %s)", err, p.Name))
		}
		if err := checkSource(v.source); err != nil {
			wrong = append(wrong, document.At(v.name+".source", "%v", err))
		}
	}
	if wrong != nil {
		return errors.Join(wrong...) // all that a profile without a base lacks
	}
	if err := p.Network.checkLinks(); err != nil {
		return err
	}
	if p.Node.LowFraction.Value > p.Node.HighFraction.Value {
		return document.At("node.lowFraction", "lowFraction %g is above highFraction %g", p.Node.LowFraction.Value, p.Node.HighFraction.Value)
	}
	classes := make([]string, 0, len(p.NodeClasses))
	for name := range p.NodeClasses {
		classes = append(classes, name)
	}
	slices.Sort(classes)
	for _, name := range classes {
		class, err := p.Class(name)
		if faults := (*document.Errors)(nil); errors.As(err, &faults) {
			return faults // which name the class by their path
		}
		if err != nil {
			return err
		}
		if err := class.Validate(); err != nil {
			return document.Under(document.Key("nodeClasses", name), err)
		}
	}
	return nil
}

// Unlimited lists the links and caps that hold nothing up.
func (p *Profile) Unlimited() []string {
	var names []string
	for _, v := range p.values() {
		if v.unlimited {
			names = append(names, v.name)
		}
	}
	return names
}

// BuildTime is how long making a cache takes besides pulling its images: its
// helper instance and the snapshot.
func (p *Profile) BuildTime() time.Duration {
	return typical(&p.Start.Provision) + typical(&p.Cache.Build)
}

// FlashTime is the same for an instant cache, which is of use as soon as there
// is a local snapshot (eci §1.7). It is not known where the profile does not state
// cache.flashSeconds, or states a plain 0 without a source.
func (p *Profile) FlashTime() (d time.Duration, known bool) {
	return typical(&p.Start.Provision) + typical(&p.Cache.Flash), p.Cache.Flash != (Parameter[time.Duration]{})
}
