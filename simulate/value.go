package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// value is one parameter with its name, for listing and checking.
type value struct {
	name, shown, source string
	unlimited           bool
	check               func() error
	// exact writes the value, not its source, so that values that differ read otherwise.
	exact func() string
}

// Value is one parameter of a profile as a report lists it.
type Value struct {
	// Name is its key in a file, such as network.roundTripSeconds.
	Name string `json:"name"`
	// Value is written for people, with its unit.
	Value string `json:"value"`
	// Source starts with measured, published or assumed.
	Source string `json:"source,omitempty"`
}

// Values lists all parameters in the order of the file.
func (p *Profile) Values() []Value {
	var all []Value
	for _, v := range p.values() {
		all = append(all, Value{v.name, v.shown, v.source})
	}
	return all
}

func (p *Profile) values() []value {
	n, l, u, s, c, d := &p.Network, &p.Pull, &p.Unpack, &p.Start, &p.Cache, &p.Node
	return []value{
		span("network.roundTripSeconds", &n.RoundTrip),
		span("network.requestSeconds", &n.Request),
		fixed(speed("network.registryBytesPerSecond", &n.Registry), &n.Registry),
		fixed(speed("network.uplinkBytesPerSecond", &n.Uplink), &n.Uplink),
		fixed(speed("network.nodeBytesPerSecond", &n.Node), &n.Node),
		speed("network.connectionBytesPerSecond", &n.Connection),
		above0(fraction("network.goodputFraction", &n.Goodput), &n.Goodput),
		frequency("network.registryRequestsPerSecond", &n.RegistryRequests),
		choice("network.overRate", &n.OverRate, "wait", "refuse"),
		count("network.registryBurst", &n.RegistryBurst),
		fraction("network.errorFraction", &n.ErrorFraction),
		amount("network.connectRoundTrips", &n.ConnectRoundTrips),
		amount("network.tokenRequests", &n.TokenRequests),
		upTo100(count("network.blobRequests", &n.BlobRequests), &n.BlobRequests),
		count("pull.maxConcurrentDownloads", &l.MaxConcurrentDownloads),
		choice("pull.downloadScope", &l.DownloadScope, "image", "daemon"),
		choice("pull.requestOrder", &l.RequestOrder, "manifest", "race"),
		count("pull.maxParallelImages", &l.MaxParallelImages),
		count("pull.maxParallelPulls", &l.MaxParallelPulls),
		plain("pull.keepBlobs", &l.KeepBlobs),
		amount("pull.resolveRequests", &l.ResolveRequests),
		fixed(span("pull.startSeconds", &l.Start), &l.Start),
		fixed(span("pull.blobSeconds", &l.Blob), &l.Blob),
		amount("pull.repeatRequests", &l.RepeatRequests),
		plain("pull.slotRequests", &l.SlotRequests),
		plain("pull.reuseConnections", &l.ReuseConnections),
		upTo100(count("pull.retry.attempts", &l.Retry.Attempts), &l.Retry.Attempts),
		upTo100(count("pull.retry.errorAttempts", &l.Retry.ErrorAttempts), &l.Retry.ErrorAttempts),
		fixed(span("pull.retry.delaySeconds", &l.Retry.Delay), &l.Retry.Delay),
		fixed(span("pull.retry.backoffSeconds", &l.Retry.Backoff), &l.Retry.Backoff),
		fixed(span("pull.retry.backoffMaxSeconds", &l.Retry.BackoffMax), &l.Retry.BackoffMax),
		span("pull.retry.syncSeconds", &l.Retry.Sync),
		plain("pull.retry.resume", &l.Retry.Resume),
		frequency("unpack.cores", &u.Cores),
		decoder("unpack.decoder", &u.Decoder),
		fixed(speed("unpack.gzipBytesPerSecond", &u.Gzip), &u.Gzip),
		fixed(speed("unpack.zstdBytesPerSecond", &u.Zstd), &u.Zstd),
		fixed(speed("unpack.diskBytesPerSecond", &u.Disk), &u.Disk),
		fixed(span("unpack.layerSeconds", &u.Layer), &u.Layer),
		fixed(span("unpack.fileSeconds", &u.File), &u.File),
		plain("unpack.parallel", &u.Parallel),
		count("unpack.maxConcurrent", &u.MaxConcurrent),
		fixed(speed("unpack.fetchBytesPerSecond", &u.Fetch), &u.Fetch),
		fraction("unpack.fetchDiskFraction", &u.FetchDiskFraction),
		count("start.admitBurst", &s.AdmitBurst),
		frequency("start.admitPerSecond", &s.AdmitPerSecond),
		span("start.provisionSeconds", &s.Provision),
		span("start.createSeconds", &s.Create),
		span("start.readySeconds", &s.Ready),
		span("cache.attachSeconds", &c.Attach),
		fraction("cache.readFraction", &c.ReadFraction),
		fixed(speed("cache.firstReadBytesPerSecond", &c.FirstRead), &c.FirstRead),
		count("cache.startsPerCopy", &c.StartsPerCopy),
		count("cache.copies", &c.Copies),
		fixed(speed("cache.copyBytesPerSecond", &c.Copy), &c.Copy),
		span("cache.buildSeconds", &c.Build),
		span("cache.flashSeconds", &c.Flash),
		frequency("node.diskGiB", &d.DiskGiB),
		fraction("node.highFraction", &d.HighFraction),
		fraction("node.lowFraction", &d.LowFraction),
		span("node.bootSeconds", &d.Boot),
	}
}

func plain[T any](name string, p *Parameter[T]) value {
	return value{name: name, shown: show(p), source: p.Source, check: func() error { return constant(p) }, exact: p.exact}
}

// constant refuses a distribution where only a constant makes sense.
func constant[T any](p *Parameter[T]) error {
	if p.Distribution != "" {
		return fmt.Errorf("takes a constant, not a distribution")
	}
	return nil
}

func span(name string, p *Parameter[time.Duration]) value {
	v := plain(name, p)
	v.check = func() error { return checkTime(p) }
	return v
}

func speed(name string, p *Parameter[network.Rate]) value {
	v := plain(name, p)
	v.unlimited = p.Distribution == "" && p.Value == network.Unlimited
	v.check = func() error { return checkRate(p) }
	return v
}

// fixed takes no distribution: the value is shared by many starts, or drawn for
// none yet.
func fixed[T any](v value, p *Parameter[T]) value {
	check := v.check
	v.check = func() error {
		if err := constant(p); err != nil {
			return err
		}
		return check()
	}
	return v
}

// frequency is a constant above 0, perhaps unlimited.
func frequency(name string, p *Parameter[float64]) value {
	v := plain(name, p)
	v.unlimited = p.Value == float64(network.Unlimited)
	v.check = func() error {
		if !(p.Value > 0) {
			return fmt.Errorf("needs a number above 0")
		}
		return constant(p)
	}
	return v
}

func count(name string, p *Parameter[int64]) value {
	v := plain(name, p)
	v.check = func() error {
		if p.Value < 1 {
			return fmt.Errorf("needs a whole number of at least 1")
		}
		return constant(p)
	}
	return v
}

// upTo100 bounds what is done one after another.
func upTo100(v value, p *Parameter[int64]) value {
	check := v.check
	v.check = func() error {
		if p.Value > 100 {
			return fmt.Errorf("needs a whole number from 1 to 100")
		}
		return check()
	}
	return v
}

// amount is a whole number that may be 0.
func amount(name string, p *Parameter[int64]) value {
	v := plain(name, p)
	v.check = func() error {
		if p.Value < 0 || p.Value > 100 {
			return fmt.Errorf("needs a whole number from 0 to 100")
		}
		return constant(p)
	}
	return v
}

func fraction(name string, p *Parameter[float64]) value {
	v := plain(name, p)
	v.check = func() error {
		if !(p.Value >= 0 && p.Value <= 1) {
			return fmt.Errorf("needs a share from 0 to 1")
		}
		return constant(p)
	}
	return v
}

// above0 is a share that cannot be nothing.
func above0(v value, p *Parameter[float64]) value {
	check := v.check
	v.check = func() error {
		if p.Value == 0 {
			return fmt.Errorf("needs a share above 0, up to 1")
		}
		return check()
	}
	return v
}

func choice(name string, p *Parameter[string], allowed ...string) value {
	v := plain(name, p)
	v.check = func() error {
		if !slices.Contains(allowed, p.Value) {
			return fmt.Errorf("%q is none of %s", p.Value, strings.Join(allowed, ", "))
		}
		return constant(p)
	}
	return v
}
