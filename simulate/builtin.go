package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

func is[T any](v T, source string) Parameter[T] { return Parameter[T]{Value: v, Source: source} }

const (
	mega        = 1e6
	notLimited  = "assumed: not known to hold a pull up; set it where it does"
	containerd2 = "published: containerd 2.4.2, "
	// ownRuns are runs of make validate on a disk, memoryRuns those in memory, before
	// the ones of docs/validation.md; the profiles stand beside the runs that they were
	// fitted to.
	ownRuns    = "containerd 2.4.2, 2026-11-29 (testdata/builtin/disk.csv, disk.json)"
	memoryRuns = "containerd 2.4.2, 2026-11-29 (testdata/builtin/memory.csv, half.json)"
	// requestRuns are both, with the order of requests of each pull.
	requestRuns = "containerd 2.4.2, 2026-11-29 (testdata/builtin/memory.csv and disk.csv, column requests)"
	kubelet133  = "published: kubernetes v1.33.13, "
)

// allPayload is for rates that are stated without headers.
func allPayload() Parameter[float64] { return is(1.0, "assumed: rates are stated as payload") }

// builtIn makes a built-in profile.
type builtIn struct {
	name string
	make func() *Profile
}

func builtIns() []builtIn {
	return []builtIn{
		{"containerd", Containerd}, {"containerd-1", Containerd1}, {"docker", Docker},
		{"eci", ECI}, {"eci-calls", ECICalls}, {"eci-virtual-nodes", ECIVirtualNodes},
	}
}

// BuiltInNames lists the built-in profiles: those of nodes, then those of ECI.
func BuiltInNames() []string {
	var names []string
	for _, b := range builtIns() {
		names = append(names, b.name)
	}
	return names
}

// BuiltIn returns the built-in profile of that name.
func BuiltIn(name string) (*Profile, error) {
	for _, b := range builtIns() {
		if b.name == name {
			return b.make(), nil
		}
	}
	return nil, fmt.Errorf("no built-in profile is called %q%s; there are %s; a profile of your own is a file that ends in .yaml or .json", name, document.DidYouMean(name, BuiltInNames()), strings.Join(BuiltInNames(), ", "))
}

// Containerd returns the built-in profile of a containerd 2 node in one region
// with its registry: the defaults of the daemon and the kubelet, times as
// measured on a 2-core machine with an ext4 disk (facts on real pulls, 2026-11).
func Containerd() *Profile {
	p := &Profile{
		Name: "containerd",
		Network: NetworkProfile{
			RoundTrip:        is(time.Millisecond, "assumed: registry in the same region"),
			Request:          is(time.Millisecond, "measured: 0.14 to 1.1 ms, registry and node on one host, "+memoryRuns),
			Registry:         is(network.Unlimited, notLimited),
			Uplink:           is(network.Unlimited, notLimited),
			Node:             is[network.Rate](121*mega, "assumed: a 1 Gbit/s interface, 0.97 of it payload"),
			Connection:       is(network.Unlimited, notLimited),
			Goodput:          allPayload(),
			RegistryRequests: is(float64(network.Unlimited), notLimited),

			OverRate:          is("wait", "assumed: not reached while the rate is unlimited"),
			RegistryBurst:     is[int64](1, "assumed: not reached while the rate is unlimited"),
			ErrorFraction:     is(0.0, "assumed: no errors"),
			ConnectRoundTrips: is[int64](1, "published: a TCP connection takes one round trip (RFC 9293); 2 with TLS 1.3 (RFC 8446)"),
			TokenRequests:     is[int64](0, "assumed: a registry without logins; 4 with tokens (containerd 2.4.2 asks twice: refused, token)"),
			BlobRequests:      is[int64](1, "published: containerd 2.4.2, a blob is one GET (core/remotes/docker/fetcher.go); 2 where a registry redirects to an object store"),
		},
		Pull: PullProfile{
			MaxConcurrentDownloads: is[int64](3, containerd2+"max_concurrent_downloads (plugins/transfer/plugin.go)"),
			DownloadScope:          is("daemon", containerd2+"one semaphore for all pulls (core/transfer/local/transfer.go); since 2.1"),
			RequestOrder:           is("race", "measured: fetchers race (core/unpack/unpacker.go, since 2.1): often the last layer first, the rest nearly in order, "+requestRuns),
			MaxParallelImages:      is[int64](1, kubelet133+"the kubelet starts a pod's containers one after another (pkg/kubelet/kuberuntime/kuberuntime_manager.go, SyncPod)"),
			MaxParallelPulls:       is[int64](1, kubelet133+"serializeImagePulls, one queue for the node (pkg/kubelet/images/puller.go)"),
			KeepBlobs:              is(true, "published: containerd 2.4.2, discard_unpacked_layers is false by default (internal/cri/config/config.go)"),
			ResolveRequests:        is[int64](3, containerd2+"HEAD, manifest, config, one after another (core/remotes/docker/resolver.go)"),
			Start:                  is(time.Duration(0), "assumed: nothing beside the requests"),
			Blob:                   is(time.Duration(0), "assumed: nothing beside its request and its bytes"),
			RepeatRequests:         is[int64](1, "published: containerd 2.4.2, HEAD; manifests that are stored are not asked for (core/remotes/handlers.go, fetch)"),
			SlotRequests:           is(true, containerd2+"manifest and config requests take a slot, HEAD does not (core/remotes/docker/fetcher.go)"),
			ReuseConnections:       is(true, containerd2+"idle connections are kept during a pull (core/remotes/docker/resolver.go)"),
			Retry: RetryProfile{
				Attempts:      is[int64](5, "published: containerd 2.4.2, maxAttempts (core/remotes/docker/resolver.go)"),
				ErrorAttempts: is[int64](2, "published: containerd 2.4.2, retryRequest, for 500, 503 and 504 (core/remotes/docker/resolver.go); 1 for 502 and a refused connection"),

				Delay:      is(time.Duration(0), "published: containerd 2.4.2 does not wait between attempts and ignores Retry-After (core/remotes/docker/resolver.go)"),
				Backoff:    is(10*time.Second, kubelet133+"ImagePullBackOff begins with 10 s (pkg/kubelet/kubelet.go)"),
				BackoffMax: is(300*time.Second, kubelet133+"and doubles up to 300 s, without jitter (pkg/kubelet/kubelet.go)"),
				Sync: Parameter[time.Duration]{
					Distribution: "uniform", Min: 10 * time.Second, Max: 15 * time.Second,
					Source: kubelet133 + "a pod whose sync failed is looked at again after 10 s and up to half as much more (pkg/kubelet/pod_workers.go, completeWork)",
				},
				Resume: is(true, "published: containerd 2.4.2 asks for the rest of a layer with Range (core/remotes/docker/httpreadseeker.go)"),
			},
		},
		Unpack: UnpackProfile{
			Cores:    is(2.0, "assumed: the machine of the measurements"),
			Zstd:     is[network.Rate](326*mega, "measured: 199 to 348 MB/s, "+memoryRuns),
			Disk:     is[network.Rate](383*mega, "assumed: twice the 191 MB/s at which one layer at a time was unpacked to ext4 (testdata/builtin/disk.csv), which does not tell what a disk takes beyond that"),
			Layer:    is(6500*time.Microsecond, "measured: 5.8 to 7.3 ms a layer on ext4, "+ownRuns),
			File:     is(98*time.Microsecond, "measured: 94 to 106 µs a tar entry on ext4, "+ownRuns),
			Parallel: is(false, containerd2+"max_concurrent_unpacks 1 (plugins/transfer/plugin.go)"),

			MaxConcurrent:     is[int64](1000, "published: containerd 2.4.2 sets no limit across images where max_concurrent_unpacks is 1 (core/transfer/local/transfer.go); with more, state that number and unpack.parallel true, since 2.2"),
			Fetch:             is(network.Unlimited, "assumed: checksums are fast beside the network (sha256 1,300 to 1,650 MB/s, 2026-11)"),
			FetchDiskFraction: is(0.0, "assumed: blobs stay in the page cache while they are unpacked"),
		},
		Start: StartProfile{
			AdmitBurst:     is[int64](1, "assumed: no admission limit"),
			AdmitPerSecond: is(float64(network.Unlimited), "assumed: no admission limit"),
			Provision:      is(300*time.Millisecond, "assumed: pod sandbox and network"),
			Create:         is(197*time.Millisecond, "measured: create and start 193 to 202 ms with runc, "+ownRuns),
			Ready:          is(time.Duration(0), "assumed: ready when started; an app states its own"),
		},
		Cache: CacheProfile{
			Attach:        is(time.Duration(0), "assumed: layers are on the node's own disk"),
			ReadFraction:  is(0.064, "published: 6.4 % of image data is read before ready (Slacker, FAST 2016)"),
			FirstRead:     is(network.Unlimited, "assumed: layers are on the node's own disk, read before"),
			StartsPerCopy: is[int64](1000, "published: not used by nodes; eci §1.6"),
			Copies:        is[int64](1, "published: one snapshot by default (eci §1.6)"),
			Copy:          is(network.Unlimited, "assumed: the slowdown of many disks from one copy is not published (eci §6 #18)"),
			Build:         is(time.Duration(0), "assumed: pulling is all"),
			Flash:         is(time.Duration(0), "assumed: pulling is all"),
		},
		Node: NodeProfile{
			DiskGiB:      is(100.0, "assumed: a common node disk"),
			HighFraction: is(0.85, kubelet133+"imageGCHighThresholdPercent (pkg/kubelet/apis/config/v1beta1/defaults.go)"),
			LowFraction:  is(0.80, kubelet133+"imageGCLowThresholdPercent (pkg/kubelet/apis/config/v1beta1/defaults.go)"),
			Boot:         is(time.Duration(0), "assumed: nodes are up"),
		},
	}
	p.Unpack.use("go", "published: containerd 2.4.2 without igzip or unpigz on PATH (pkg/archive/compression/compression.go)")
	return p
}
