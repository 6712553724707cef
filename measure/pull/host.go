// Package pull fetches and unpacks images on this host as containerd 2.4.2 does,
// without a daemon, without root and without starting anything, and times each
// step; its Runner makes measured startups of it.
//
// A Host is one node: a directory with a content store (one file a blob) and a
// directory for each unpacked layer, by chainID. Host.Pull takes containerd's steps
// in its order (core/transfer/local, core/unpack, core/remotes/docker and
// plugins/content/local of its source):
//
//   - what the reference means (HEAD), the index where there is one, the manifest,
//     the config, one after another;
//   - from the first layer whose chainID is not present: a goroutine for each layer,
//     all of which race for the host's download slots (3 unless told otherwise; a
//     manifest and a config take one too), so that mostly the last layer is asked
//     for first;
//   - each blob is written to an ingest file while its digest is computed, synced to
//     the disk, and renamed; its slot is free only then;
//   - layers are unpacked from the base up, each when its own blob is stored and the
//     layer below is done; or several at once, as max_concurrent_unpacks > 1 has it;
//   - one fetch of a digest and one unpack of a chainID at a time: a second pull with
//     the same first missing layer waits for the first, then goes on.
//
// What it leaves out: the daemon's metadata (two or more synced writes of a database
// for each blob and each layer), leases, mounts. What it does otherwise: a hard link
// to a file of a lower layer is copied from there, where containerd refuses it; old
// GNU sparse files are unpacked; without root, owners, devices and fifos are left
// out, and whiteouts that the kernel does not allow are kept as marker files. What
// was left out is counted (Skipped).
//
// Use: NewHost and Host.Pull for single pulls, NewRunner for experiments of package
// measure, Close in the end; CleanUp removes what a killed process left.
package pull

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
)

// HostOptions say how a host pulls. The zero value pulls for linux/amd64 from
// registries on the network, into a temporary directory.
type HostOptions struct {
	// Root is where a directory is made that holds all that is pulled; it is made if
	// missing, and may hold other things. Empty is the user's cache directory, else
	// the system's for temporary files.
	Root string
	// Platform is os/arch[/variant]; empty is layers.DefaultPlatform.
	Platform string
	// Decoder inflates gzip: igzip, pigz, go or go-std (simulate.Decoders). Empty is
	// what containerd would take: igzip, else unpigz, where it is on PATH and not
	// disabled by CONTAINERD_DISABLE_IGZIP or CONTAINERD_DISABLE_PIGZ, else go.
	Decoder string
	// Registry says how registries are reached; its Dial and DialContext are the
	// host's own.
	Registry distribution.Options
	// Aliases fetch a registry under another name (layers.Options.Aliases).
	Aliases map[string]string
	// Served gives registries the address (host:port) at which they are served in
	// plain HTTP, so that references stay the same.
	Served map[string]string
	// Dial opens connections; nil is this machine's network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxConcurrentDownloads and MaxConcurrentUnpacks are containerd's limits; 0 is
	// its default, 3 and 1.
	MaxConcurrentDownloads int
	MaxConcurrentUnpacks   int
	// Limits bound what a layer may hold.
	Limits Limits
}

// Containerd's own limits (plugins/transfer/plugin.go of 2.4.2).
const (
	defaultDownloads = 3
	defaultUnpacks   = 1
)

// Host is one node that pulls. It is safe for concurrent use, but for SetLimits and
// Close.
type Host struct {
	opt       HostOptions
	root      *root // nil: it is somebody else's
	decoder   decoder
	content   content
	snapshots snapshots
	locks     keyLocks
	slots     int
	downloads *semaphore.Weighted // slots of them
	unpacks   *semaphore.Weighted // nil: layers of an image one after another

	mu sync.Mutex
	// made are the blobs and chains that pulls stored since forget.
	made map[string]bool
	// images are the last pulls that succeeded, by reference.
	images map[string]*Result
	// skipped is what could not be made of layers, by chainID.
	skipped map[layers.Digest]Skipped
}

// NewHost checks the options and makes the host's directory. Close it.
func NewHost(opt HostOptions) (*Host, error) {
	r, err := newRoot(opt.Root)
	if err != nil {
		return nil, err
	}
	h, err := newHost(r.path, opt)
	if err != nil {
		return nil, joinClose(err, r.close())
	}
	h.root = r
	return h, nil
}

// Check says why no host could be made with these options, besides a directory or a
// registry that cannot be had; it makes nothing.
func Check(opt HostOptions) error {
	_, err := opt.complete()
	return err
}

// complete checks the options and fills in what is not said.
func (o *HostOptions) complete() (decoder, error) {
	if runtime.GOOS != "linux" {
		return decoder{}, fmt.Errorf("pull on %s: layers are unpacked on Linux alone: run it there", runtime.GOOS)
	}
	if o.Platform == "" {
		o.Platform = layers.DefaultPlatform
	}
	if err := layers.CheckPlatform(o.Platform); err != nil {
		return decoder{}, err
	}
	o.Limits = o.Limits.withDefaults()
	return findDecoder(o.Decoder)
}

// newHost makes a host in a directory of the caller's.
func newHost(dir string, opt HostOptions) (*Host, error) {
	inflates, err := opt.complete()
	if err != nil {
		return nil, err
	}
	h := &Host{opt: opt, decoder: inflates, made: make(map[string]bool), images: make(map[string]*Result), skipped: make(map[layers.Digest]Skipped)}
	h.SetLimits(opt.MaxConcurrentDownloads, opt.MaxConcurrentUnpacks)
	if h.content, err = newContent(dir); err != nil {
		return nil, err
	}
	h.snapshots, err = newSnapshots(dir)
	return h, err
}

// SetLimits sets how many downloads and unpacks may be in flight at once; 0 is the
// default. No pull may be under way.
func (h *Host) SetLimits(downloads, unpacks int) {
	if downloads <= 0 {
		downloads = defaultDownloads
	}
	if unpacks <= 0 {
		unpacks = defaultUnpacks
	}
	h.slots = downloads
	h.downloads, h.unpacks = semaphore.NewWeighted(int64(downloads)), nil
	if unpacks > 1 {
		h.unpacks = semaphore.NewWeighted(int64(unpacks))
	}
}

// Decoder is the name of what inflates gzip, of simulate.Decoders.
func (h *Host) Decoder() string { return h.decoder.Name }

// Close removes all that was pulled.
func (h *Host) Close() error {
	if h.root == nil {
		return nil
	}
	return h.root.close()
}

// client speaks to registries for one pull: containerd opens new connections for
// each.
func (h *Host) client() (*distribution.Client, error) {
	opt := h.opt.Registry
	opt.Dial, opt.DialContext = h.opt.Served, h.opt.Dial
	// The host's slots are the limit, not the client's.
	opt.RequestsAtOnce = max(opt.RequestsAtOnce, h.slots+1)
	return distribution.New(opt)
}

// note remembers that this process stored a blob or a chain.
func (h *Host) note(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made[key] = true
}

// forget begins a run: what is stored from here on is the run's own.
func (h *Host) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.made)
}

func (h *Host) image(reference string) *Result {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.images[reference]
}

// leftOut remembers what of a layer could not be made. Unpacked at once with others
// it lacks the layers below, so that it differs.
func (h *Host) leftOut(chain layers.Digest, s Skipped) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skipped[chain] = h.skipped[chain].or(s)
}

func (h *Host) remember(r *Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.images[r.Reference] = r
}

// Keys of what is stored, also of locks.
func blobKey(d layers.Digest) string      { return "blob " + string(d) }
func chainKey(chain layers.Digest) string { return "chain " + string(chain) }
func isChain(key string) bool             { return strings.HasPrefix(key, "chain ") }
