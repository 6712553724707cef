package sketch

import "math"

// Student's t is computed here and not by a module: gonum is not among ours and
// weighs more than all of this package, and go-moremath (benchstat's) has no
// releases. For whole degrees of freedom, which are all that intervals need, the
// distribution is a finite sum.

// studentFactor returns the t that a variable of Student's distribution with so
// many degrees of freedom (1 or more) stays within, on either side of 0, with the
// probability level.
func studentFactor(level float64, degrees int) float64 {
	if degrees > 200 {
		return studentExpansion(math.Sqrt2*math.Erfinv(level), float64(degrees))
	}
	// Bisection on the angle needs no start and cannot fail.
	low, high := 0.0, math.Pi/2
	for range 100 {
		middle := (low + high) / 2
		if studentWithin(middle, degrees) < level {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Sqrt(float64(degrees)) * math.Tan(low)
}

// studentWithin returns the probability of |t| below sqrt(degrees)*tan(angle):
// Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
func studentWithin(angle float64, degrees int) float64 {
	sin, cos := math.Sincos(angle)
	odd := degrees % 2
	term, sum := 1.0, 0.0
	if odd == 1 {
		term = cos
	}
	for k := 1 + odd; k < degrees; k += 2 {
		sum += term
		term *= cos * cos * float64(k) / float64(k+1)
	}
	if odd == 1 {
		return 2 / math.Pi * (angle + sin*sum)
	}
	return sin * sum
}

// studentExpansion returns t from the normal distribution's x: Abramowitz and
// Stegun 26.7.5. From 200 degrees of freedom on, its error is below 1e-9 for
// levels up to 0.9999.
func studentExpansion(x, degrees float64) float64 {
	y := x * x
	g1 := x * (y + 1) / 4
	g2 := x * ((5*y+16)*y + 3) / 96
	g3 := x * (((3*y+19)*y+17)*y - 15) / 384
	g4 := x * ((((79*y+776)*y+1482)*y-1920)*y - 945) / 92160
	return x + (g1+(g2+(g3+g4/degrees)/degrees)/degrees)/degrees
}
