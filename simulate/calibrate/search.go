package calibrate

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// A search moves the logarithms of some parameters so that simulated runs take as
// long as measured ones, held to where the stages put them.
type search struct {
	d     *Data
	ctx   context.Context // of one call of fit
	cells []*cell
	ready readiness
	// fixed are values that do not move, free the parameters that do.
	fixed values
	free  []int
	// center and width are where the stages put the free ones and how well they know
	// them, as logarithms.
	center, width []float64
	// scale is where the loss turns from squares to amounts.
	scale   float64
	repeats int
	err     error
}

// lossScale is the loss's, in logarithms: about what medians of a few runs scatter
// by (facts on real pulls: 4 % of single ones behind a shaped link).
const lossScale = 0.05

// at is the profile's values at a point.
func (s *search) at(x []float64) values {
	v := s.fixed
	for k, i := range s.free {
		v[i] = s.d.all[i].clamp(math.Exp(x[k]))
	}
	return v
}

func (s *search) residuals(x []float64) []float64 {
	v := s.at(x)
	out, err := s.d.replay(s.ctx, s.cells, &v, s.ready, s.repeats)
	if err != nil {
		s.err = err
		return nil
	}
	return residuals(s.cells, out)
}

// loss is the objective; a fault is as bad as can be.
func (s *search) loss(x, r []float64) float64 {
	if r == nil {
		return math.Inf(1)
	}
	sum := 0.0
	for _, v := range r {
		sum += softL1(v / s.scale)
	}
	for k := range x {
		z := (x[k] - s.center[k]) / s.width[k]
		sum += z * z
	}
	return sum
}

// slopes are how residuals move with each free parameter.
func (s *search) slopes(x, r []float64) *mat.Dense {
	const step = 0.03 // 3 % of the value: well above a nanosecond's rounding
	j := mat.NewDense(len(r), len(x), nil)
	for k := range x {
		moved := append([]float64(nil), x...)
		h := step
		if i := s.free[k]; math.Exp(moved[k]+h) > s.d.all[i].high {
			h = -step
		}
		moved[k] += h
		after := s.residuals(moved)
		if after == nil {
			return nil
		}
		for i := range r {
			j.Set(i, k, (after[i]-r[i])/h)
		}
	}
	return j
}

// step solves one least-squares step from x: residuals r with slopes j and counts
// as weights (nil: one each), damped by lambda.
func (s *search) step(x, r []float64, j *mat.Dense, counts []float64, lambda float64) []float64 {
	n := len(x)
	normal, right := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for i := range r {
		w := softWeight(r[i]/s.scale) / (s.scale * s.scale)
		if counts != nil {
			w *= counts[i]
		}
		for a := range n {
			right.SetVec(a, right.AtVec(a)-w*j.At(i, a)*r[i])
			for b := a; b < n; b++ {
				normal.SetSym(a, b, normal.At(a, b)+w*j.At(i, a)*j.At(i, b))
			}
		}
	}
	for a := range n {
		p := 1 / (s.width[a] * s.width[a])
		right.SetVec(a, right.AtVec(a)-p*(x[a]-s.center[a]))
		normal.SetSym(a, a, (normal.At(a, a)+p)*(1+lambda))
	}
	var chol mat.Cholesky
	var delta mat.VecDense
	moved := append([]float64(nil), x...)
	if !chol.Factorize(normal) || chol.SolveVecTo(&delta, right) != nil {
		return moved
	}
	const most = 0.7 // twice or half
	for k := range moved {
		i := s.free[k]
		moved[k] += min(max(delta.AtVec(k), -most), most)
		moved[k] = min(max(moved[k], math.Log(s.d.all[i].low)), math.Log(s.d.all[i].high))
	}
	return moved
}

// descend is the method of Levenberg and Marquardt, a few steps of it.
func (s *search) descend(x []float64, steps int) (best, r []float64, j *mat.Dense) {
	r = s.residuals(x)
	least, lambda := s.loss(x, r), 1e-3
	for range steps {
		if s.err != nil {
			return x, r, nil
		}
		if j = s.slopes(x, r); j == nil {
			return x, r, nil
		}
		better := false
		for range 4 {
			next := s.step(x, r, j, nil, lambda)
			after := s.residuals(next)
			loss := s.loss(next, after)
			if s.err != nil {
				return x, r, nil
			}
			if loss < least {
				better = loss < least*(1-1e-4)
				x, r, least = next, after, loss
				lambda /= 10
				break
			}
			lambda = max(lambda*10, 0.1)
		}
		if !better {
			return x, r, j
		}
	}
	return x, r, s.slopes(x, r)
}

// simplex ends the search by the method of Nelder and Mead, which needs no slopes:
// simulated times have kinks.
func (s *search) simplex(x []float64, evaluations int) []float64 {
	if len(x) == 0 {
		return x
	}
	result, err := optimize.Minimize(optimize.Problem{
		Func: func(y []float64) float64 { return s.loss(y, s.residuals(y)) },
	}, x, &optimize.Settings{FuncEvaluations: evaluations, Concurrent: 0}, &optimize.NelderMead{SimplexSize: 0.03})
	if err != nil && result == nil || s.err != nil {
		return x
	}
	if !(s.loss(result.X, s.residuals(result.X)) < s.loss(x, s.residuals(x))) {
		return x
	}
	return result.X
}
