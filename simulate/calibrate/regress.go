package calibrate

import (
	"math"
	"math/bits"

	"gonum.org/v1/gonum/mat"
)

// A term is one row of a regression: its time is the sum of its parts times the
// coefficients.
type term struct {
	parts []float64
	time  float64
}

// slight is the time at which a row counts half as much as one that takes long. What
// is off by a tenth in a layer of a few milliseconds is nothing to a pull.
const slight = 0.1 // seconds

// weight is how much a row counts.
func (t *term) weight() float64 { return t.time / (t.time + slight) }

// predict is the time that coefficients give.
func (t *term) predict(coefficients []float64) float64 {
	sum := 0.0
	for j, x := range t.parts {
		sum += x * coefficients[j]
	}
	return sum
}

// regress finds the coefficients, none of them negative, for which the logarithms
// of predicted over measured times are least under a soft-L1 loss: a row that is
// three times as long as it should be counts little more than one that is a
// third too long; and layers that take long count more than slight ones. It is Gauss and Newton's method with weights found anew in
// each step (iteratively reweighted least squares; Huber, Robust Statistics, 1981,
// section 7.8). Without rows it is nil.
func regress(rows []term) []float64 {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows[0].parts)
	weights, targets := make([]float64, len(rows)), make([]float64, len(rows))
	for i := range rows {
		weights[i], targets[i] = rows[i].weight()/(rows[i].time*rows[i].time), rows[i].time
	}
	best := notNegative(rows, weights, targets, n)
	for range 40 {
		residuals := logResiduals(rows, best)
		scale := softScale(residuals)
		for i := range rows {
			p := floor(rows[i].predict(best))
			weights[i] = rows[i].weight() * softWeight(residuals[i]/scale) / (p * p)
			targets[i] = p * (1 - residuals[i])
		}
		next := notNegative(rows, weights, targets, n)
		moved := 0.0
		for i := range rows {
			moved = max(moved, math.Abs(math.Log(floor(rows[i].predict(next))/floor(rows[i].predict(best)))))
		}
		if moved > 1 { // too long a step for the linear form
			for j := range next {
				next[j] = best[j] + (next[j]-best[j])/moved
			}
		}
		if best = next; moved < 1e-9 {
			break
		}
	}
	return best
}

// floor keeps a prediction away from nothing, where it has no logarithm.
func floor(seconds float64) float64 { return max(seconds, 1e-9) }

func logResiduals(rows []term, coefficients []float64) []float64 {
	r := make([]float64, len(rows))
	for i := range rows {
		r[i] = math.Log(floor(rows[i].predict(coefficients)) / floor(rows[i].time))
	}
	return r
}

// softScale is where a soft-L1 loss turns from squares to amounts: one and a half
// standard deviations, of normal errors with the same median amount, but not less
// than 1 %.
func softScale(residuals []float64) float64 {
	amounts := make([]float64, len(residuals))
	for i, r := range residuals {
		amounts[i] = math.Abs(r)
	}
	const normalMAD = 1.4826 // standard deviations of a normal distribution, for its median absolute deviation
	return max(0.01, 1.5*normalMAD*median(amounts))
}

// softL1 is the loss, softWeight its weight in a least-squares step, of a residual
// in units of the scale.
func softL1(r float64) float64     { return 2 * (math.Sqrt(1+r*r) - 1) }
func softWeight(r float64) float64 { return 1 / math.Sqrt(1+r*r) }

// notNegative solves weighted least squares with no negative coefficient, by trying
// every set of those that are not 0: there are five at most.
func notNegative(rows []term, weights, targets []float64, n int) []float64 {
	normal, right := mat.NewSymDense(n, nil), make([]float64, n)
	for i := range rows {
		for a := range n {
			x := weights[i] * rows[i].parts[a]
			right[a] += x * targets[i]
			for b := a; b < n; b++ {
				normal.SetSym(a, b, normal.At(a, b)+x*rows[i].parts[b])
			}
		}
	}
	best, least := make([]float64, n), 0.0
	for set := uint(1); set < 1<<n; set++ {
		c, ok := solveOn(normal, right, set, n)
		if !ok {
			continue
		}
		// The loss less a constant: c'Nc - 2c'r.
		loss := 0.0
		for a := range n {
			loss -= 2 * c[a] * right[a]
			for b := range n {
				loss += c[a] * c[b] * normal.At(a, b)
			}
		}
		if loss < least-1e-12*math.Abs(least) {
			best, least = c, loss
		}
	}
	return best
}

// solveOn solves the normal equations on the coefficients of a set; ok is false
// where they have no one answer, or a negative one.
func solveOn(normal *mat.SymDense, right []float64, set uint, n int) (c []float64, ok bool) {
	k := bits.OnesCount(set)
	in := make([]int, 0, k)
	for a := range n {
		if set>>a&1 == 1 {
			in = append(in, a)
		}
	}
	// Columns are scaled to a diagonal of 1: seconds, entries and bytes differ by
	// twelve orders.
	part, r, scale := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil), make([]float64, k)
	for i, a := range in {
		if scale[i] = math.Sqrt(normal.At(a, a)); scale[i] == 0 {
			return nil, false
		}
	}
	for i, a := range in {
		r.SetVec(i, right[a]/scale[i])
		for j := i; j < k; j++ {
			part.SetSym(i, j, normal.At(a, in[j])/scale[i]/scale[j])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(part) || chol.Cond() > 1e10 {
		return nil, false
	}
	var x mat.VecDense
	if chol.SolveVecTo(&x, r) != nil {
		return nil, false
	}
	c = make([]float64, n)
	for i, a := range in {
		if c[a] = x.AtVec(i) / scale[i]; c[a] < 0 {
			return nil, false
		}
	}
	return c, true
}
