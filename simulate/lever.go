package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// Lever is one parameter of the profile, changed while everything else stays,
// the draws among it.
type Lever struct {
	// Parameter is its key in a file, Change its new value or how it is scaled:
	// x2 or x0.5.
	Parameter string `json:"parameter" document:"required"`
	Change    string `json:"change" document:"required"`
	// Ready is the same quantile of the app's times to ready then.
	Ready time.Duration `json:"readySeconds"`
}

// lever is a Lever before it is tried.
type lever struct {
	Lever
	by []Cause // what it may loosen
	// isAble says that a profile has something to change.
	isAble func(*Profile) bool
	change func(*Profile)
	// scale changes a quantity by any factor; nil where it is none.
	scale func(p *Profile, by float64)
}

// levers are the changes worth a try: rates and counts twice as large, times half
// as long, and choices made the other way.
var levers = []*lever{
	twice("start.admitPerSecond", func(p *Profile) *Parameter[float64] { return &p.Start.AdmitPerSecond }, ByAdmission),
	twice("start.admitBurst", func(p *Profile) *Parameter[int64] { return &p.Start.AdmitBurst }, ByAdmission),
	half("start.provisionSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Start.Provision }, ByProvision),
	half("node.bootSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Node.Boot }, ByBoot),
	half("cache.attachSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Cache.Attach }, ByAttach),
	twice("pull.maxParallelPulls", func(p *Profile) *Parameter[int64] { return &p.Pull.MaxParallelPulls }, ByTurn),
	twice("pull.maxParallelImages", func(p *Profile) *Parameter[int64] { return &p.Pull.MaxParallelImages }, ByConnection, ByRoundTrip, ByLayer, ByCore, ByFiles),
	twice("pull.maxConcurrentDownloads", func(p *Profile) *Parameter[int64] { return &p.Pull.MaxConcurrentDownloads }, BySlot, ByOrder, ByConnection, ByRoundTrip),
	scaled("pull.maxConcurrentDownloads", "x0.5", 0.5, func(p *Profile) *Parameter[int64] { return &p.Pull.MaxConcurrentDownloads }, []Cause{ByOrder, ByLink, ByNodeLink}),
	choose("pull.requestOrder", "manifest", func(p *Profile) *Parameter[string] { return &p.Pull.RequestOrder }, ByOrder),
	twice("pull.retry.attempts", func(p *Profile) *Parameter[int64] { return &p.Pull.Retry.Attempts }, ByBackOff, BySync),
	twice("pull.retry.errorAttempts", func(p *Profile) *Parameter[int64] { return &p.Pull.Retry.ErrorAttempts }, ByBackOff, BySync),
	half("pull.retry.delaySeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Pull.Retry.Delay }, ByBackOff),
	half("pull.retry.backoffSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Pull.Retry.Backoff }, ByBackOff),
	half("pull.retry.backoffMaxSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Pull.Retry.BackoffMax }, ByBackOff),
	half("pull.retry.syncSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Pull.Retry.Sync }, BySync),
	half("network.connectRoundTrips", func(p *Profile) *Parameter[int64] { return &p.Network.ConnectRoundTrips }, ByRoundTrip),
	half("network.tokenRequests", func(p *Profile) *Parameter[int64] { return &p.Network.TokenRequests }, ByRoundTrip, ByRegistryRequests),
	half("network.blobRequests", func(p *Profile) *Parameter[int64] { return &p.Network.BlobRequests }, ByRoundTrip),
	half("network.roundTripSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Network.RoundTrip }, ByRoundTrip),
	half("network.requestSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Network.Request }, ByRoundTrip),
	twice("network.registryRequestsPerSecond", func(p *Profile) *Parameter[float64] { return &p.Network.RegistryRequests }, ByRegistryRequests, ByBackOff, BySync),
	twice("network.registryBurst", func(p *Profile) *Parameter[int64] { return &p.Network.RegistryBurst }, ByBackOff, BySync),
	choose("network.overRate", "wait", func(p *Profile) *Parameter[string] { return &p.Network.OverRate }, ByBackOff, BySync),
	half("network.errorFraction", func(p *Profile) *Parameter[float64] { return &p.Network.ErrorFraction }, ByBackOff, BySync),
	twice("network.registryBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Network.Registry }, ByLink),
	twice("network.uplinkBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Network.Uplink }, ByLink),
	twice("network.nodeBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Network.Node }, ByNodeLink),
	twice("network.connectionBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Network.Connection }, ByConnection),
	half("unpack.layerSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Unpack.Layer }, ByLayer),
	half("unpack.fileSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Unpack.File }, ByFiles),
	twice("unpack.gzipBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Unpack.Gzip }, ByCore),
	twice("unpack.zstdBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Unpack.Zstd }, ByCore),
	twice("unpack.cores", func(p *Profile) *Parameter[float64] { return &p.Unpack.Cores }, ByCore, ByCores),
	twice("unpack.fetchBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Unpack.Fetch }, ByCores),
	twice("unpack.diskBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Unpack.Disk }, ByDisk),
	choose("unpack.parallel", true, func(p *Profile) *Parameter[bool] { return &p.Unpack.Parallel }, ByLayer, ByCore, ByDisk, ByFiles, ByOrder),
	twice("unpack.maxConcurrent", func(p *Profile) *Parameter[int64] { return &p.Unpack.MaxConcurrent }, ByUnpackSlot),
	half("start.createSeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Start.Create }, ByCreate),
	half("cache.readFraction", func(p *Profile) *Parameter[float64] { return &p.Cache.ReadFraction }, ByFirstRead, ByCopy),
	twice("cache.firstReadBytesPerSecond", func(p *Profile) *Parameter[network.Rate] { return &p.Cache.FirstRead }, ByFirstRead),
	twice("cache.copies", func(p *Profile) *Parameter[int64] { return &p.Cache.Copies }, ByCopy),
	half("start.readySeconds", func(p *Profile) *Parameter[time.Duration] { return &p.Start.Ready }, ByProgram),
}

func half[T number](name string, of func(*Profile) *Parameter[T], by ...Cause) *lever {
	return scaled(name, "x0.5", 0.5, of, by)
}

func twice[T number](name string, of func(*Profile) *Parameter[T], by ...Cause) *lever {
	return scaled(name, "x2", 2, of, by)
}

// scaled changes a quantity, and all that is drawn from its distribution with it,
// unless it is nothing or unlimited.
func scaled[T number](name, change string, by float64, of func(*Profile) *Parameter[T], causes []Cause) *lever {
	scale := func(p *Profile, by float64) {
		x := of(p)
		for _, v := range []*T{&x.Value, &x.Median, &x.Min, &x.Max} {
			if f := scaledBy(*v, by); f < math.MaxInt64/2 {
				*v = T(f)
			}
		}
	}
	return &lever{
		Lever: Lever{Parameter: name, Change: change}, by: causes,
		isAble: func(p *Profile) bool {
			v := float64(typical(of(p)))
			return v > 0 && v < math.MaxInt64/2 && scaledBy(typical(of(p)), by) != v
		},
		change: func(p *Profile) { scale(p, by) },
		scale:  scale,
	}
}

// Scaled is the profile with one quantity, named as in a file, times a factor, and all
// that is drawn from its distribution with it; a count stays whole and 1 or more. It is
// false where the profile has no such quantity, or it is nothing or unlimited.
func (p *Profile) Scaled(parameter string, factor float64) (*Profile, bool) {
	for _, l := range levers {
		if l.Parameter == parameter && l.scale != nil && l.isAble(p) {
			scaled := *p
			l.scale(&scaled, factor)
			return &scaled, true
		}
	}
	return p, false
}

// scaledBy scales a number; a count stays whole and 1 or more.
func scaledBy[T number](v T, by float64) float64 {
	f := float64(v) * by
	if _, isCount := any(v).(int64); isCount && v > 0 {
		return max(1, math.Floor(f))
	}
	return f
}

func choose[T comparable](name string, value T, of func(*Profile) *Parameter[T], by ...Cause) *lever {
	return &lever{
		Lever: Lever{Parameter: name, Change: fmt.Sprint(value)}, by: by,
		isAble: func(p *Profile) bool { return of(p).Value != value },
		change: func(p *Profile) { of(p).Value = value },
	}
}

// leversOf are those that change something in a profile or one of its classes,
// with one for each of its links.
func leversOf(p *Profile) []*lever {
	list := slices.DeleteFunc(slices.Clone(levers), func(l *lever) bool {
		able := l.isAble(p)
		for name := range p.NodeClasses {
			if c, err := p.Class(name); err == nil {
				able = able || l.isAble(c)
			}
		}
		return !able
	})
	for _, name := range slices.Sorted(maps.Keys(p.Network.Links)) {
		if math.IsInf(float64(p.Network.Links[name].Rate.Value), 1) {
			continue
		}
		list = append(list, &lever{
			Lever: Lever{Parameter: linkParameter(name), Change: "x2"}, by: []Cause{ByLink},
			change: func(p *Profile) {
				links := maps.Clone(p.Network.Links)
				l := links[name]
				l.Rate.Value *= 2
				links[name] = l
				p.Network.Links = links
			},
		})
	}
	return list
}

func linkParameter(name string) string { return "network.links." + name + ".bytesPerSecond" }

// behind says what may stand behind a cause that is no resource itself: other
// starts' pulls, and with them whatever slows a pull; or transfers of layers.
var behind = map[Cause][]Cause{
	ByTurn: ofPulls, ByOtherPull: ofPulls, ByNodeLost: ofPulls, BySlot: ofTransfers, ByUnpackSlot: ofUnpacks,
	ByOrder: {ByRegistryRequests, ByRoundTrip, ByLink, ByNodeLink, ByConnection},
}

var (
	ofTransfers = []Cause{ByRegistryRequests, ByRoundTrip, ByBackOff, BySync, ByLink, ByNodeLink, ByConnection}
	ofUnpacks   = []Cause{ByUnpackSlot, ByLayer, ByCore, ByCores, ByDisk, ByFiles}
	ofPulls     = slices.Concat(ofTransfers, ofUnpacks)
)

// loosens says whether a lever is worth a try on a start that was held up so.
func (l *lever) loosens(holds []Hold) bool {
	if l.Parameter == "pull.maxParallelImages" && !severalImages(holds) {
		return false
	}
	return slices.ContainsFunc(holds, func(h Hold) bool {
		if h.Through != "" && slices.Contains(l.by, h.Through) {
			return true
		}
		if h.By == ByLink {
			return l.isOf(h.Link)
		}
		return slices.Contains(l.by, h.By) || slices.ContainsFunc(behind[h.By], func(by Cause) bool { return slices.Contains(l.by, by) })
	})
}

// severalImages says that holds tell of more than one image.
func severalImages(holds []Hold) bool {
	first := ""
	return slices.ContainsFunc(holds, func(h Hold) bool {
		if first == "" {
			first = h.Image
		}
		return h.Image != "" && h.Image != first
	})
}

// isOf says that the parameter is a link's rate. The registry's egress and the
// uplink come one after the other, and so are tried both.
func (l *lever) isOf(link string) bool {
	switch l.Parameter {
	case "network.registryBytesPerSecond", "network.uplinkBytesPerSecond":
		return link == LinkRegistry || link == LinkUplink
	}
	return l.Parameter == linkParameter(link)
}
