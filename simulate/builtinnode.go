package simulate

import "time"

const (
	containerd17 = "published: containerd v1.7.35, "
	docker28     = "published: docker v28.5.2, "
	asContainerd = "assumed: as of containerd 2.4.2, profile containerd"
)

// elsewhere says of what depends on the machine that it was measured with another
// client.
func (u *UnpackProfile) elsewhere() {
	u.Zstd.Source, u.Disk.Source, u.Layer.Source, u.File.Source = asContainerd, asContainerd, asContainerd, asContainerd
}

// Containerd1 returns the built-in profile of a containerd 1.7 node under the
// kubelet: 1.7's rules as its source has them, times as Containerd's.
func Containerd1() *Profile {
	p := Containerd()
	p.Name = "containerd-1"
	p.Network.TokenRequests.Source = "assumed: a registry without logins; 4 with tokens (containerd 1.7.35 asks twice: refused, token)"
	l := &p.Pull
	l.MaxConcurrentDownloads = is[int64](3, containerd17+"max_concurrent_downloads (pkg/cri/config/config_unix.go)")
	l.DownloadScope = is("image", containerd17+"a semaphore for each pull (pull.go, pkg/unpack/unpacker.go); 2.0 too")
	l.RequestOrder = is("manifest", containerd17+"a slot is taken before the next fetcher begins (pkg/unpack/unpacker.go); 2.0 too")
	l.KeepBlobs = is(true, containerd17+"discard_unpacked_layers is false by default (pkg/cri/config/config.go)")
	l.ResolveRequests = is[int64](3, containerd17+"HEAD, manifest, config, one after another (remotes/docker/resolver.go)")
	l.RepeatRequests = is[int64](1, containerd17+"HEAD; manifests that are stored are not asked for (remotes/handlers.go, fetch)")
	l.SlotRequests = is(false, containerd17+"manifests and configs have a semaphore of their own (pull.go)")
	l.ReuseConnections = is(true, containerd17+"idle connections are kept during a pull (remotes/docker/resolver.go)")
	l.Retry.Attempts = is[int64](6, containerd17+"retryRequest (remotes/docker/resolver.go)")
	l.Retry.ErrorAttempts = is[int64](1, containerd17+"5xx and connections are not tried again (remotes/docker/resolver.go)")
	l.Retry.Delay = is(time.Duration(0), containerd17+"no wait between attempts (remotes/docker/resolver.go)")
	l.Retry.Resume = is(true, containerd17+"asks for the rest of a layer with Range (remotes/docker/httpreadseeker.go)")
	u := &p.Unpack
	u.use("go-std", containerd17+"without unpigz on PATH; it knows no igzip (archive/compression/compression.go)")
	u.elsewhere()
	u.Parallel = is(false, containerd17+"one layer after another (pkg/unpack/unpacker.go)")
	u.MaxConcurrent = is[int64](1000, containerd17+"no limit across images (pkg/unpack/unpacker.go)")
	p.Start.Create.Source = asContainerd
	return p
}

// Docker returns the built-in profile of a host with Docker Engine 28 and its
// graph drivers, whose starts pull by themselves: Docker's rules as its source has
// them, times as Containerd's.
func Docker() *Profile {
	p := Containerd()
	p.Name = "docker"
	p.Network.ConnectRoundTrips.Source = "assumed: plain HTTP; 2 with TLS 1.3"
	p.Network.TokenRequests.Source = "assumed: a registry without logins; 1 with tokens (docker v28.5.2 pings first and is told where)"
	p.Network.BlobRequests.Source = docker28 + "a layer is one GET (distribution/pull_v2.go); 2 where a registry redirects to an object store"
	l := &p.Pull
	l.MaxConcurrentDownloads = is[int64](3, docker28+"max-concurrent-downloads (daemon/config/config.go)")
	l.DownloadScope = is("daemon", docker28+"one transfer manager (distribution/xfer/transfer.go)")
	l.RequestOrder = is("manifest", docker28+"first come, first served in manifest order (distribution/xfer/transfer.go)")
	l.MaxParallelImages = is[int64](1, "assumed: a start's containers are run one after another; docker compose pulls all at once")
	l.MaxParallelPulls = is[int64](1000, docker28+"pulls do not queue, only their layers do (distribution/xfer/transfer.go); 1 under the kubelet")
	l.KeepBlobs = is(false, docker28+"a layer's file is removed once unpacked (distribution/pull_v2.go)")
	l.ResolveRequests = is[int64](3, docker28+"ping, HEAD, manifest (distribution/registry.go, pull_v2.go); the config comes beside the layers")
	l.RepeatRequests = is[int64](2, docker28+"ping and HEAD; the manifest is kept with the image (distribution/manifest.go, daemon/images/store.go)")
	l.SlotRequests = is(false, docker28+"manifest and config go past the transfer manager (distribution/pull_v2.go)")
	l.ReuseConnections = is(false, docker28+"DisableKeepAlives (distribution/registry.go)")
	r := &l.Retry
	r.Attempts = is[int64](1, docker28+"429 is not tried again (distribution/errors.go, retryOnError)")
	r.ErrorAttempts = is[int64](5, docker28+"max-download-attempts (daemon/config/config.go); 1 for what comes before the layers")
	r.Delay = is(5*time.Second, docker28+"5, 10, 15, 20 s (distribution/xfer/download.go)")
	r.Backoff.Source = "assumed: something pulls again, as the kubelet does; docker does not"
	r.BackoffMax.Source, r.Sync.Source = r.Backoff.Source, r.Backoff.Source
	r.Resume = is(true, docker28+"asks for the rest of a layer with Range (distribution/pull_v2.go)")
	u := &p.Unpack
	u.use("go-std", docker28+"without unpigz on PATH; it knows no igzip (go-archive v0.1.0, compression/compression.go)")
	u.elsewhere()
	u.Parallel = is(false, docker28+"a layer waits for the one below (distribution/xfer/download.go)")
	u.MaxConcurrent = is[int64](1000, docker28+"no limit across images (layer/layer_store.go)")
	p.Start.Provision = is(300*time.Millisecond, "assumed: network and namespaces")
	p.Start.Create.Source = asContainerd
	p.Node.HighFraction = is(1.0, "assumed: docker removes no image by itself; here unused ones go once the disk is full, for no start fails; 0.85 under the kubelet")
	p.Node.LowFraction = is(1.0, "assumed: as highFraction; 0.80 under the kubelet")
	return p
}
