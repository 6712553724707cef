package calibrate

import (
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// The parameters that can be fitted, by their place in the list below.
const (
	goodput = iota
	roundTrip
	request
	pullStart
	blob
	node
	connection
	registry
	uplink
	layer
	file
	gzip
	zstd
	disk
	provision
	create
	fetchRate
	fetchDisk
	cores
	parameters // how many there are
)

// A parameter is one value of a profile that can be fitted. Values are in seconds,
// bytes a second, cores or shares; the search moves their logarithms.
type parameter struct {
	name string
	get  func(*simulate.Profile) float64
	set  func(*simulate.Profile, float64)
	// put is set with its source.
	put       func(p *simulate.Profile, v float64, source string)
	low, high float64
}

// fitted lists the parameters. To add one, add its constant above, its row here and
// how it is told: a stage (stage.go, network.go), or an option (choose.go).
func fitted() [parameters]parameter {
	return [parameters]parameter{
		goodput:    number("network.goodputFraction", func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Network.Goodput }, 0.5, 1),
		roundTrip:  span("network.roundTripSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Network.RoundTrip }),
		request:    span("network.requestSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Network.Request }),
		pullStart:  span("pull.startSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Pull.Start }),
		blob:       span("pull.blobSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Pull.Blob }),
		node:       rate("network.nodeBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Node }),
		connection: rate("network.connectionBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Connection }),
		registry:   rate("network.registryBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Registry }),
		uplink:     rate("network.uplinkBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Network.Uplink }),
		layer:      span("unpack.layerSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Unpack.Layer }),
		file:       span("unpack.fileSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Unpack.File }),
		gzip:       rate("unpack.gzipBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Gzip }),
		zstd:       rate("unpack.zstdBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Zstd }),
		disk:       rate("unpack.diskBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Disk }),
		provision:  span("start.provisionSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Start.Provision }),
		create:     span("start.createSeconds", func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Start.Create }),
		fetchRate:  rate("unpack.fetchBytesPerSecond", func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Unpack.Fetch }),
		fetchDisk:  number("unpack.fetchDiskFraction", func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Unpack.FetchDiskFraction }, 1e-3, 0.9),
		cores:      number("unpack.cores", func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Unpack.Cores }, 0.25, 256),
	}
}

func number(name string, of func(*simulate.Profile) *simulate.Parameter[float64], low, high float64) parameter {
	return of64(name, of, low, high, func(v float64) float64 { return v }, func(v float64) float64 { return v })
}

func span(name string, of func(*simulate.Profile) *simulate.Parameter[time.Duration]) parameter {
	return of64(name, of, 1e-8, 600, time.Duration.Seconds, func(v float64) time.Duration { return time.Duration(math.Round(v * 1e9)) })
}

func rate(name string, of func(*simulate.Profile) *simulate.Parameter[network.Rate]) parameter {
	return of64(name, of, 1e3, 1e12, func(v network.Rate) float64 { return float64(v) }, func(v float64) network.Rate { return network.Rate(math.Round(v)) })
}

func of64[T ~int64 | ~float64](name string, of func(*simulate.Profile) *simulate.Parameter[T], low, high float64, from func(T) float64, to func(float64) T) parameter {
	return parameter{
		name: name, low: low, high: high,
		get: func(p *simulate.Profile) float64 {
			switch x := of(p); x.Distribution {
			case "lognormal":
				return from(x.Median)
			case "uniform":
				return from(x.Min + (x.Max-x.Min)/2)
			default:
				return from(x.Value)
			}
		},
		set: func(p *simulate.Profile, v float64) { *of(p) = simulate.Parameter[T]{Value: to(v)} },
		put: func(p *simulate.Profile, v float64, source string) {
			*of(p) = simulate.Parameter[T]{Value: to(v), Source: source}
		},
	}
}

// clamp keeps a value where the profile takes it.
func (p *parameter) clamp(v float64) float64 { return min(max(v, p.low), p.high) }

// values are what the parameters are set to; NaN leaves the base's.
type values [parameters]float64

// unset leaves every parameter as the base has it.
func unset() values {
	var v values
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}
