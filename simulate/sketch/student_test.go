package sketch

import (
	"math"
	"testing"
)

// TestStudentTable: Abramowitz and Stegun, Handbook of Mathematical Functions
// (1964), Table 26.10, percentage points of the t-distribution, the columns A =
// 0.9, 0.95, 0.99 and 0.999.
func TestStudentTable(t *testing.T) {
	levels := []float64{0.9, 0.95, 0.99, 0.999}
	for _, row := range []struct {
		degrees int
		want    []float64
	}{
		{1, []float64{6.314, 12.706, 63.657, 636.619}},
		{2, []float64{2.920, 4.303, 9.925, 31.598}},
		{3, []float64{2.353, 3.182, 5.841, 12.924}},
		{4, []float64{2.132, 2.776, 4.604, 8.610}},
		{5, []float64{2.015, 2.571, 4.032, 6.869}},
		{6, []float64{1.943, 2.447, 3.707, 5.959}},
		{7, []float64{1.895, 2.365, 3.499, 5.408}},
		{8, []float64{1.860, 2.306, 3.355, 5.041}},
		{9, []float64{1.833, 2.262, 3.250, 4.781}},
		{10, []float64{1.812, 2.228, 3.169, 4.587}},
		{15, []float64{1.753, 2.131, 2.947, 4.073}},
		{20, []float64{1.725, 2.086, 2.845, 3.850}},
		{30, []float64{1.697, 2.042, 2.750, 3.646}},
		{60, []float64{1.671, 2.000, 2.660, 3.460}},
		{120, []float64{1.658, 1.980, 2.617, 3.373}},
		{1e9, []float64{1.645, 1.960, 2.576, 3.291}}, // its row of infinity
	} {
		for i, want := range row.want {
			// One unit of the last printed digit: 31.598 has a last digit that
			// later tables give as 31.599.
			if got := studentFactor(levels[i], row.degrees); math.Abs(got-want) > 1.1e-3 {
				t.Errorf("%d degrees, level %v: %v, the table has %v", row.degrees, levels[i], got, want)
			}
		}
	}
}

// TestStudentClosed: with one and two degrees the distribution has an inverse in
// closed form.
func TestStudentClosed(t *testing.T) {
	for _, level := range []float64{1e-6, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999999} {
		one, two := math.Tan(level*math.Pi/2), level*math.Sqrt(2/(1-level*level))
		if got := studentFactor(level, 1); math.Abs(got/one-1) > 1e-9 {
			t.Errorf("1 degree, level %v: %v, want %v", level, got, one)
		}
		if got := studentFactor(level, 2); math.Abs(got/two-1) > 1e-9 {
			t.Errorf("2 degrees, level %v: %v, want %v", level, got, two)
		}
	}
}

// TestStudentIntegral integrates the density up to the factor: it must be the
// level, also where the expansion takes over.
func TestStudentIntegral(t *testing.T) {
	for _, degrees := range []int{1, 2, 3, 4, 7, 12, 29, 99, 199, 200, 201, 202, 500, 1e4, 1e6} {
		for _, level := range []float64{0.5, 0.9, 0.95, 0.99, 0.9999} {
			if degrees < 3 && level > 0.95 {
				continue // too long a tail for Simpson's rule
			}
			if got := integral(studentFactor(level, degrees), float64(degrees)); math.Abs(got-level) > 1e-9 {
				t.Errorf("%d degrees, level %v: the density holds %v", degrees, level, got)
			}
		}
	}
}

// TestStudentExpansion compares the expansion with the finite sum where its
// first term left out, 0.73/degrees^5 at this level, is small.
func TestStudentExpansion(t *testing.T) {
	x := math.Sqrt2 * math.Erfinv(0.95)
	for _, degrees := range []float64{50, 100, 200} {
		if got, want := studentExpansion(x, degrees), studentFactor(0.95, int(degrees)); math.Abs(got-want) > 0.9/math.Pow(degrees, 5)+1e-13 {
			t.Errorf("%v degrees: %v, the sum gives %v", degrees, got, want)
		}
	}
}

// integral is twice Simpson's rule of Student's density from 0 to x.
func integral(x, degrees float64) float64 {
	a, _ := math.Lgamma((degrees + 1) / 2)
	b, _ := math.Lgamma(degrees / 2)
	density := func(t float64) float64 {
		return math.Exp(a-b-(degrees+1)/2*math.Log1p(t*t/degrees)) / math.Sqrt(degrees*math.Pi)
	}
	const steps = 20000
	h, sum := x/steps, density(0)+density(x)
	for i := 1; i < steps; i++ {
		sum += float64(2+2*(i%2)) * density(float64(i)*h)
	}
	return 2 * sum * h / 3
}
