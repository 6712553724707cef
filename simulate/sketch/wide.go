package sketch

import (
	"math"
	"math/big"
	"math/bits"
)

// A wide is an unsigned number of 128 bits: sums of it do not depend on their
// order, as those of float64 do.
type wide struct{ high, low uint64 }

func (a wide) plus(b wide) wide {
	low, carry := bits.Add64(a.low, b.low, 0)
	return wide{a.high + b.high + carry, low}
}

func (a wide) minus(b wide) wide {
	low, borrow := bits.Sub64(a.low, b.low, 0)
	return wide{a.high - b.high - borrow, low}
}

func (a wide) less(b wide) bool {
	return a.high < b.high || a.high == b.high && a.low < b.low
}

// times returns a*n, which must fit.
func (a wide) times(n uint64) wide {
	high, low := bits.Mul64(a.low, n)
	return wide{high + a.high*n, low}
}

// share returns a*part/whole, rounded down; part is at most whole, whole above 0.
func (a wide) share(part, whole uint64) wide {
	// The product has three words. Its first is below part, so both quotients fit.
	high, middle := bits.Mul64(a.high, part)
	carry, low := bits.Mul64(a.low, part)
	middle, over := bits.Add64(middle, carry, 0)
	first, rest := bits.Div64(high+over, middle, whole)
	second, _ := bits.Div64(rest, low, whole)
	return wide{first, second}
}

// float returns the nearest float64 but for one more rounding.
func (a wide) float() float64 { return math.Ldexp(float64(a.high), 64) + float64(a.low) }

func (a wide) big() *big.Int {
	n := new(big.Int).SetUint64(a.high)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.low))
}

// wideOf returns n, which must be from 0 to below 2^128.
func wideOf(n *big.Int) wide {
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
	return wide{new(big.Int).Rsh(n, 64).Uint64(), low.Uint64()}
}
