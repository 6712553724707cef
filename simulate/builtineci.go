package simulate

import (
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// ECI returns the built-in profile of Alibaba Cloud ECI. No value was measured
// on ECI by this project: they are published figures where there are any, and
// assumptions fitted to the published starts of eci §1.12.
func ECI() *Profile {
	p := Containerd()
	p.Name = "eci"
	p.Network.RoundTrip = is(2*time.Millisecond, "assumed: registry in the same region")
	p.Network.Request = is(5*time.Millisecond, "assumed: a shared registry answers slower than an own one")
	p.Network.Node = is[network.Rate](121*mega, "assumed: a 1 Gbit/s interface")
	p.Network.ConnectRoundTrips.Source = "assumed: plain TCP or a connection kept; 2 with TLS 1.3"
	p.Network.TokenRequests.Source = "assumed: a registry without logins; 4 with tokens (containerd 1.7.35 and 2.4.2 ask twice: refused, token)"
	p.Network.BlobRequests.Source = "assumed: every blob is one GET; 2 where the registry redirects to an object store"
	p.Network.Connection = is[network.Rate](40*mega, "assumed: with it, published pulls of 193 to 1,340 MB at 20 to 37 MB/s are met (eci §1.12)")
	p.Pull.DownloadScope = is("image", "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.RequestOrder = is("manifest", "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.MaxConcurrentDownloads.Source = "assumed: containerd's default (eci §6 #19)"
	p.Pull.MaxParallelPulls.Source = "assumed: as the kubelet does"
	p.Pull.ResolveRequests.Source = "assumed: HEAD, manifest, config, as containerd asks"
	p.Pull.RepeatRequests.Source = "assumed: HEAD, as containerd asks; a cache's disk holds the manifests"
	p.Pull.SlotRequests = is(false, "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.ReuseConnections.Source = "assumed: as containerd does"
	p.Pull.Retry.Attempts = is[int64](6, "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.Retry.ErrorAttempts = is[int64](1, "assumed: containerd 1.x on the instance (eci §6 #19)")
	p.Pull.Retry.Delay.Source = "assumed: containerd 1.x on the instance (eci §6 #19)"
	p.Pull.Retry.Resume.Source = "assumed: containerd 1.x on the instance (eci §6 #19)"
	for _, r := range []*Parameter[time.Duration]{&p.Pull.Retry.Backoff, &p.Pull.Retry.BackoffMax, &p.Pull.Retry.Sync} {
		r.Source = "assumed: as the kubelet does"
	}
	p.Pull.MaxParallelImages.Source = "published: traces show images pulled one after another (eci §1.12, §6 #19)"
	p.Pull.KeepBlobs.Source = "assumed: containerd's default"
	p.Unpack.Cores = is(2.0, "assumed: a small instance")
	p.Unpack.use("go-std", "assumed: containerd 1.x on the instance, without unpigz (eci §6 #19)")
	p.Unpack.Gzip.Source = "assumed: as of Go's compress/gzip, decoder go-std; the disk is slower"
	p.Unpack.Zstd.Source = "assumed: as of containerd 2.4.2, profile containerd"
	p.Unpack.Disk = is[network.Rate](135*mega, "assumed: a PL1 disk of 30 GiB, min(120 + 0.5 x GiB, 350) MB/s, not looked up (eci §6 #14)")
	p.Unpack.Layer.Source = "assumed: as of containerd 2.4.2 on ext4, profile containerd"
	p.Unpack.File.Source = "assumed: as of containerd 2.4.2 on ext4, profile containerd"
	p.Unpack.Parallel.Source = "assumed: containerd's default"
	p.Unpack.MaxConcurrent.Source = "assumed: containerd 1.x on the instance, which sets no limit (eci §6 #19)"
	p.Start.AdmitBurst = is[int64](100, "published: CreateContainerGroup token bucket (eci §2.8)")
	p.Start.AdmitPerSecond = is(20.0, "published: CreateContainerGroup token bucket (eci §2.8)")
	p.Start.Provision = is(10*time.Second, "assumed: a hit takes 11 to 12 s to its first Pulling or Pulled event (eci §1.12), less attaching")
	p.Start.Create = is(500*time.Millisecond, "assumed: containers are created and started within the second (eci §1.12)")
	p.Cache.Attach = is(1500*time.Millisecond, "assumed: part of the 11 to 12 s of a hit (eci §1.12)")
	p.Cache.FirstRead = is[network.Rate](130*mega, "assumed: a PL1 disk of 20 GiB, min(120 + 0.5 x GiB, 350) MB/s, not looked up (eci §6 #14); lazily loaded data may be slower")
	p.Cache.StartsPerCopy = is[int64](1000, "published: one copy for each 1,000 instances of a batch (eci §1.6)")
	p.Node.HighFraction.Source, p.Node.LowFraction.Source = "assumed: not used by instances of their own", "assumed: not used by instances of their own"
	p.Cache.Build = is(131*time.Second, "published: last pull to Ready of a 25 GiB cache (eci §1.12)")
	p.Cache.Flash = is(30*time.Second, "assumed: tens of seconds (eci §6 #13)")
	return p
}

// OfECI says that p describes ECI: it is one of the built-in profiles of ECI, or a
// file based on one.
func (p *Profile) OfECI() bool {
	ofECI := func(name string) bool { return name == "eci" || name == "eci-calls" || name == "eci-virtual-nodes" }
	return ofECI(p.Name) || ofECI(p.Base)
}

// UnmeasuredECI says that p describes ECI and that none of its values was measured,
// as none of the built-in ones was.
func (p *Profile) UnmeasuredECI() bool { return p.OfECI() && p.sources()[measured] == 0 }

// ECICalls is ECI where the older published limit of calls holds instead of the
// token bucket.
func ECICalls() *Profile {
	p := ECI()
	p.Name = "eci-calls"
	p.Start.AdmitBurst = is[int64](1000, "published: 1,000 CreateContainerGroup calls a minute, older table (eci §2.8); assumed: a minute's calls may come at once")
	p.Start.AdmitPerSecond = is(1000.0/60, "published: 1,000 CreateContainerGroup calls a minute, older table (eci §2.8)")
	return p
}

// ECIVirtualNodes is ECI behind ACK virtual nodes, where their published speed
// holds instead of the token bucket.
func ECIVirtualNodes() *Profile {
	p := ECI()
	p.Name = "eci-virtual-nodes"
	p.Start.AdmitBurst = is[int64](1, "assumed: a speed, not a quota, so evenly")
	p.Start.AdmitPerSecond = is(10_000.0/60, "published: 10,000 pods a minute on ACK virtual nodes (eci §1.12)")
	return p
}
