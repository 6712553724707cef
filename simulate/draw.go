package simulate

import (
	"math"
	"math/bits"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// What is drawn, as part of a draw's key.
const (
	drawProvision uint64 = iota + 1
	drawBoot
	drawAttach
	drawCreate
	drawReady
	drawResolve
	drawRoundTrip
	drawRequest
	drawConnection
	drawOrder
	drawError
	drawConnect
	drawSync
	drawClaim
)

// dice draws from seed and repeat. Every draw has a key of its own (the start, by
// its place in order of requests; what is drawn; of which layer or image), so that
// arms of the same starts share their draws, later starts move no draw of earlier
// ones, and no draw moves another.
type dice struct{ seed uint64 }

func newDice(seed uint64, repeat int) dice {
	return dice{mix(mix(seed+0x9e3779b97f4a7c15) + uint64(repeat))}
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// bits64 are the 64 random bits of a key.
func (d dice) bits64(start int32, what, of uint64) uint64 {
	return mix(mix(d.seed^uint64(start)<<8^what) + of)
}

// uniform is a number above 0 and below 1.
func uniform(x uint64) float64 { return (float64(x>>11) + 0.5) / (1 << 53) }

// normal is a standard normal's quantile at a uniform draw.
func normal(x uint64) float64 { return math.Sqrt2 * math.Erfinv(2*uniform(x)-1) }

// below is a number from 0 to n-1.
func below(x uint64, n int) int {
	hi, _ := bits.Mul64(x, uint64(n))
	return int(hi)
}

// draw draws a parameter's value; a constant needs no bits.
func draw[T number](p *Parameter[T], random func() uint64) T {
	switch p.Distribution {
	case "lognormal":
		return T(min(float64(p.Median)*math.Exp(p.Sigma*normal(random())), 1e18))
	case "uniform":
		return p.Min + T(uniform(random())*float64(p.Max-p.Min))
	}
	return p.Value
}

func (e *engine) drawTime(p *Parameter[time.Duration], rank int32, what, of uint64) time.Duration {
	if p.Distribution == "" {
		return p.Value
	}
	return min(MostTime, draw(p, func() uint64 { return e.dice.bits64(rank, what, of) }))
}

func (e *engine) drawRate(p *Parameter[network.Rate], rank int32, what, of uint64) network.Rate {
	if p.Distribution == "" {
		return p.Value
	}
	// Whole bytes a second, at least one.
	return max(1, network.Rate(math.Round(float64(draw(p, func() uint64 { return e.dice.bits64(rank, what, of) })))))
}
