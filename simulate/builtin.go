package simulate

import (
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

func is[T any](v T, source string) Parameter[T] { return Parameter[T]{Value: v, Source: source} }

const (
	mega        = 1e6
	notLimited  = "assumed: not known to hold a pull up; set it where it does"
	containerd2 = "measured: containerd 2.4.2, traces of 485 pulls, 2026-11"
)

// Containerd returns the built-in profile of a containerd 2 node in one region
// with its registry: the defaults of the daemon and the kubelet, times as
// measured on a 2-core machine with an ext4 disk (facts on real pulls, 2026-11).
func Containerd() *Profile {
	return &Profile{
		Name: "containerd",
		Network: NetworkProfile{
			RoundTrip:        is(time.Millisecond, "assumed: registry in the same region"),
			Request:          is(time.Millisecond, "measured: a registry request took 0.25 to 1.5 ms, 2026-11"),
			Registry:         is(network.Unlimited, notLimited),
			Uplink:           is(network.Unlimited, notLimited),
			Node:             is[network.Rate](121*mega, "assumed: a 1 Gbit/s interface; measured: goodput 0.97 of the nominal rate, 2026-11"),
			Connection:       is(network.Unlimited, notLimited),
			RegistryRequests: is(float64(network.Unlimited), notLimited),

			OverRate:          is("wait", "assumed: not reached while the rate is unlimited"),
			RegistryBurst:     is[int64](1, "assumed: not reached while the rate is unlimited"),
			ErrorFraction:     is(0.0, "assumed: no errors"),
			ConnectRoundTrips: is[int64](1, "measured: a new connection is a round trip more, plain HTTP, 2026-11; 2 with TLS 1.3"),
			TokenRequests:     is[int64](0, "assumed: a registry without logins; 4 with tokens (containerd 2.4.2 asks twice: refused, token)"),
			BlobRequests:      is[int64](1, "measured: every blob is one GET, 2026-11; 2 where a registry redirects to an object store"),
		},
		Pull: PullProfile{
			MaxConcurrentDownloads: is[int64](3, containerd2+": max_concurrent_downloads"),
			DownloadScope:          is("daemon", containerd2+": one semaphore for all pulls"),
			RequestOrder:           is("race", containerd2+": fetchers race, mostly the last layer first"),
			MaxParallelImages:      is[int64](1, "published: the kubelet starts a pod's containers one after another (pkg/kubelet/kuberuntime, SyncPod, v1.33.13)"),
			MaxParallelPulls:       is[int64](1, "published: the kubelet's serializeImagePulls, one queue for the node (pkg/kubelet/images/puller.go, v1.33.13)"),
			KeepBlobs:              is(true, "published: containerd's discard_unpacked_layers is false by default"),
			ResolveRequests:        is[int64](3, "measured: HEAD, manifest, config, 2026-11"),
			SlotRequests:           is(true, containerd2+": manifest and config requests take a slot, HEAD does not (core/remotes/docker/fetcher.go)"),
			Retry: RetryProfile{
				Attempts:   is[int64](5, "published: containerd 2.4.2, maxAttempts (core/remotes/docker/resolver.go); 2 for 5xx"),
				Delay:      is(time.Duration(0), "published: containerd does not wait between attempts"),
				Backoff:    is(10*time.Second, "published: the kubelet's ImagePullBackOff begins with 10 s (pkg/kubelet/kubelet.go, v1.33.13)"),
				BackoffMax: is(300*time.Second, "published: and doubles up to 300 s, without jitter (pkg/kubelet/kubelet.go, v1.33.13)"),
				Resume:     is(true, "published: containerd asks for the rest of a layer with Range (core/remotes/docker/httpreadseeker.go, 2.4.2)"),
			},
		},
		Unpack: UnpackProfile{
			Cores:    is(2.0, "assumed: the machine of the measurements"),
			Decoder:  is("go", "measured: containerd without igzip or unpigz on PATH, 2026-11"),
			Gzip:     is[network.Rate](195*mega, "measured: Go gzip 160 to 230 MB/s, 2026-11"),
			Zstd:     is[network.Rate](615*mega, "measured: zstd 430 to 800 MB/s, 2026-11"),
			Disk:     is[network.Rate](167*mega, "measured: 6 ms an unpacked MB on ext4, 2026-11"),
			Layer:    is(10*time.Millisecond, "measured: about 10 ms a layer on ext4, 2026-11"),
			File:     is(220*time.Microsecond, "measured: 0.22 ms a tar entry on ext4, 2026-11"),
			Parallel: is(false, containerd2+": max_concurrent_unpacks 1"),

			MaxConcurrent:     is[int64](1000, "published: containerd 2.4.2 sets no limit across images with max_concurrent_unpacks 1 (core/transfer/local/transfer.go)"),
			FetchCores:        is(0.0, "assumed: checksums are fast beside the network (sha256 1,300 to 1,650 MB/s, 2026-11)"),
			FetchDiskFraction: is(0.0, "assumed: blobs stay in the page cache while they are unpacked"),
		},
		Start: StartProfile{
			AdmitBurst:     is[int64](1, "assumed: no admission limit"),
			AdmitPerSecond: is(float64(network.Unlimited), "assumed: no admission limit"),
			Provision:      is(300*time.Millisecond, "assumed: pod sandbox and network"),
			Create:         is(95*time.Millisecond, "measured: create and start 80 to 110 ms for small programs, 2026-11"),
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
			HighFraction: is(0.85, "published: kubelet imageGCHighThresholdPercent"),
			LowFraction:  is(0.80, "published: kubelet imageGCLowThresholdPercent"),
			Boot:         is(time.Duration(0), "assumed: nodes are up"),
		},
	}
}

// ECI returns the built-in profile of Alibaba Cloud ECI. No value was measured
// on ECI by this project: they are published figures where there are any, and
// assumptions fitted to the published starts of eci §1.12.
func ECI() *Profile {
	p := Containerd()
	p.Name = "eci"
	p.Network.RoundTrip = is(2*time.Millisecond, "assumed: registry in the same region")
	p.Network.Request = is(5*time.Millisecond, "assumed: a shared registry answers slower than an own one")
	p.Network.Node = is[network.Rate](121*mega, "assumed: a 1 Gbit/s interface")
	p.Network.Connection = is[network.Rate](40*mega, "assumed: with it, published pulls of 193 to 1,340 MB at 20 to 37 MB/s are met (eci §1.12)")
	p.Pull.DownloadScope = is("image", "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.RequestOrder = is("manifest", "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.MaxConcurrentDownloads.Source = "assumed: containerd's default (eci §6 #19)"
	p.Pull.MaxParallelImages.Source = "published: traces show images pulled one after another (eci §1.12, §6 #19)"
	p.Pull.KeepBlobs.Source = "assumed: containerd's default"
	p.Unpack.Cores = is(2.0, "assumed: a small instance")
	p.Unpack.Decoder = is("go", "assumed: containerd without igzip or unpigz")
	p.Unpack.Gzip.Source = "assumed: as measured elsewhere with Go gzip, 2026-11"
	p.Unpack.Zstd.Source = "assumed: as measured elsewhere, 2026-11"
	p.Unpack.Disk = is[network.Rate](135*mega, "published: PL1 disk of 30 GiB, min(120 + 0.5 x GiB, 350) MB/s (eci §6 #14)")
	p.Unpack.Layer.Source = "assumed: as measured elsewhere on ext4, 2026-11"
	p.Unpack.File.Source = "assumed: as measured elsewhere on ext4, 2026-11"
	p.Unpack.Parallel.Source = "assumed: containerd's default"
	p.Start.AdmitBurst = is[int64](100, "published: CreateContainerGroup token bucket (eci §2.8)")
	p.Start.AdmitPerSecond = is(20.0, "published: CreateContainerGroup token bucket (eci §2.8)")
	p.Start.Provision = is(10*time.Second, "assumed: a hit takes 11 to 12 s to its first Pulling or Pulled event (eci §1.12), less attaching")
	p.Start.Create = is(500*time.Millisecond, "assumed: containers are created and started within the second (eci §1.12)")
	p.Cache.Attach = is(1500*time.Millisecond, "assumed: part of the 11 to 12 s of a hit (eci §1.12)")
	p.Cache.FirstRead = is[network.Rate](130*mega, "published: PL1 disk of 20 GiB, min(120 + 0.5 x GiB, 350) MB/s (eci §6 #14); lazily loaded data may be slower")
	p.Cache.StartsPerCopy = is[int64](1000, "published: one copy for each 1,000 instances of a batch (eci §1.6)")
	p.Cache.Build = is(131*time.Second, "published: last pull to Ready of a 25 GiB cache (eci §1.12)")
	p.Cache.Flash = is(30*time.Second, "assumed: tens of seconds (eci §6 #13)")
	return p
}
