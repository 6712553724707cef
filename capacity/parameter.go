package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// parameter is a value of the profile that is searched for.
type parameter struct {
	name, unit string
	bracket    bracket
	get        func(*simulate.Profile) float64
	set        func(*simulate.Profile, float64)
	// free says that it costs nothing, but for what it does to the rest; whose says of
	// what it is a setting, where that is not the runtime.
	free  bool
	whose string
	// onService says that on instances of the service it is the service's. software says that
	// other software brings it: no bill, but an installation.
	onService, software bool
	// impossible are values with which some starts can never be ready.
	impossible func(float64) bool
}

func rateOf(name string, low, high float64, of func(*simulate.Profile) *simulate.Parameter[network.Rate]) parameter {
	return parameterOf(name, reports.UnitRate, bracket{low: low, high: high}, of)
}

func numberOf(name, unit string, low, high float64, of func(*simulate.Profile) *simulate.Parameter[float64]) parameter {
	return parameterOf(name, unit, bracket{low: low, high: high}, of)
}

func countOf(name, unit string, low, high float64, of func(*simulate.Profile) *simulate.Parameter[int64]) parameter {
	return parameterOf(name, unit, bracket{low: low, high: high, whole: true}, of)
}

func parameterOf[T ~int64 | ~float64](name, unit string, b bracket, of func(*simulate.Profile) *simulate.Parameter[T]) parameter {
	return parameter{name: name, unit: unit, bracket: b, get: func(p *simulate.Profile) float64 { return typical(of(p)) }, set: func(p *simulate.Profile, v float64) {
		*of(p) = simulate.Parameter[T]{Value: T(v), Source: tried}
	}}
}

// tried is the source of a value that a search puts in.
const tried = "assumed: tried by a search"

func typical[T ~int64 | ~float64](p *simulate.Parameter[T]) float64 {
	switch p.Distribution {
	case "lognormal":
		return float64(p.Median)
	case "uniform":
		return (float64(p.Min) + float64(p.Max)) / 2
	}
	return float64(p.Value)
}

const (
	kilo, mega, giga = 1e3, 1e6, 1e9
)

// burstParameters are what may hold a burst up and be set, installed, bought or asked for, in
// that order.
var burstParameters = []parameter{
	downloads,
	parallelUnpack,
	gzipDecoder,
	zstdDecoder,
	numberOf("start.admitPerSecond", "1/s", 0.1, 100*kilo, func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Start.AdmitPerSecond }),
	rateOf("network.registryBytesPerSecond", mega, 1000*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Registry }),
	numberOf("network.registryRequestsPerSecond", "1/s", 1, mega, func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Network.RegistryRequests }),
	rateOf("network.uplinkBytesPerSecond", mega, 1000*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Uplink }),
	rateOf("network.nodeBytesPerSecond", mega, 100*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Node }),
	rateOf("network.connectionBytesPerSecond", mega, 100*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Connection }),
	numberOf("unpack.cores", "cores", 0.25, 256, func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Unpack.Cores }),
	rateOf("unpack.diskBytesPerSecond", mega, 100*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Disk }),
	rateOf("cache.firstReadBytesPerSecond", mega, 100*giga, func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Cache.FirstRead }),
}

// rank is how much a parameter is wanted, 0 the most: settings, then software, then what is to be
// bought.
func (p *parameter) rank() int {
	switch {
	case p.free:
		return 0
	case p.software:
		return 1
	}
	return 2
}

// downloads is how many connections a pull or a node has at once.
var downloads = func() parameter {
	p := countOf("pull.maxConcurrentDownloads", "downloads", 1, 128, func(p *simulate.Profile) *simulate.Parameter[int64] { return &p.Pull.MaxConcurrentDownloads })
	p.free = true
	return p
}()

// parallelUnpack is whether layers of one image are unpacked at once: 1 is yes.
var parallelUnpack = parameter{
	name: "unpack.parallel", bracket: bracket{low: 0, high: 1, whole: true}, free: true, onService: true,
	whose: "a setting of containerd from 2.2 on (max_concurrent_unpacks): it costs nothing",
	get: func(p *simulate.Profile) float64 {
		if p.Unpack.Parallel.Value {
			return 1
		}
		return 0
	},
	set: func(p *simulate.Profile, v float64) {
		if on := v > 0; on != p.Unpack.Parallel.Value {
			p.Unpack.Parallel = simulate.Parameter[bool]{Value: on, Source: tried}
		}
	},
}

// settable says that unpack.parallel is off and a setting: of some runtimes it is published that
// they unpack one layer after another, whatever they are told.
func settable(p *simulate.Parameter[bool]) bool {
	return !p.Value && (!strings.HasPrefix(p.Source, "published:") || strings.Contains(p.Source, "max_concurrent_unpacks"))
}

// Decoders are tried up to five times the fastest program that is known for one core.
const fastestDecoder = 2 * giga

var (
	gzipDecoder = decoderOf("unpack.gzipBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Gzip })
	zstdDecoder = decoderOf("unpack.zstdBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Zstd })
)

func decoderOf(name string, of func(*simulate.Profile) *simulate.Parameter[network.Rate]) parameter {
	p := rateOf(name, mega, fastestDecoder, of)
	p.software = true
	return p
}

// decoderWords say which decoder inflates as fast as is needed.
func decoderWords(p *parameter, need float64) string {
	const unmatched = "a faster decoder than any whose speed is known here"
	if p.name != gzipDecoder.name {
		return "a faster decoder"
	}
	all := simulate.Decoders()
	slices.SortStableFunc(all, func(a, b simulate.Decoder) int { return cmp.Compare(a.Gzip.Value, b.Gzip.Value) })
	for _, d := range all {
		if float64(d.Gzip.Value) >= need {
			return fmt.Sprintf("software: decoder %s has %s", d.Name, reports.CapacityAmount(float64(d.Gzip.Value), reports.UnitRate))
		}
	}
	return unmatched
}

// burstParameters are those that can be of use to this burst: decoders of what its layers are
// compressed with, and settings that there are.
func (q *Question) burstParameters() []parameter {
	var gzipped, zstd bool
	for _, app := range q.apps() {
		for _, ref := range app.AllImages() {
			for i := range q.Inventory.Images {
				if q.Inventory.Images[i].Reference != ref {
					continue
				}
				for _, place := range q.Inventory.Images[i].Layers {
					zstd = zstd || strings.HasSuffix(q.Inventory.Layers[place].MediaType, "zstd")
					gzipped = gzipped || strings.HasSuffix(q.Inventory.Layers[place].MediaType, "gzip")
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(burstParameters), func(p parameter) bool {
		switch p.name {
		case parallelUnpack.name:
			return !settable(&q.Scenario.Profile.Unpack.Parallel)
		case gzipDecoder.name:
			return !gzipped
		case zstdDecoder.name:
			return !zstd
		}
		return false
	})
}

// parallelPulls is how many images a node pulls at once, for whatever starts; the kubelet
// pulls one where it is not told otherwise.
var parallelPulls = func() parameter {
	const mostPods = 250 // of a node, by what clouds allow
	p := countOf("pull.maxParallelPulls", "pulls", 1, mostPods, func(p *simulate.Profile) *simulate.Parameter[int64] { return &p.Pull.MaxParallelPulls })
	p.free, p.whose = true, "a setting of the kubelet (serializeImagePulls: false, maxParallelImagePulls): it costs nothing"
	return p
}()

// diskSize is that of nodes; its bracket is the question's.
var diskSize = parameterOf("node.diskGiB", "GiB", bracket{low: 1, whole: true}, func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Node.DiskGiB })

var copies = countOf("cache.copies", "copies", 1, 10*kilo, func(p *simulate.Profile) *simulate.Parameter[int64] { return &p.Cache.Copies })

// bounded is a value as a report has it; nil for none.
func bounded(v float64) *float64 {
	if math.IsInf(v, 0) || v >= math.MaxInt64/2 {
		return nil
	}
	return &v
}

// constant says that a value is drawn from nothing, so that putting it in changes nothing.
func constant(p parameter, profile *simulate.Profile) bool {
	with := *profile
	p.set(&with, p.get(profile))
	return with.Digest() == profile.Digest()
}
