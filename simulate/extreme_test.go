package simulate

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestExtremes: what Validate accepts, at its very ends, runs soundly to an end.
func TestExtremes(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]func() *Profile{freeProfile, Containerd, ECI}).Draw(t, "base")()
		turn(t, p, reflect.ValueOf(p).Elem())
		endsSoundly(t, smallBurst(p))
	})
}

// turn sets some parameters of a profile to an end of what is accepted.
func turn(t *rapid.T, p *Profile, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		was := reflect.New(f.Type()).Elem()
		was.Set(f)
		switch x := f.Addr().Interface().(type) {
		case *Parameter[time.Duration]:
			extreme(t, x, 0, 1, MostTime, MostTime+1)
		case *Parameter[network.Rate]:
			extreme(t, x, 5e-324, 1, 1e18, network.Unlimited)
		case *Parameter[int64]:
			extreme(t, x, 0, 1, 2, 100, math.MaxInt64)
		case *Parameter[float64]:
			extreme(t, x, 0, 5e-324, 1e-9, 0.99, 1, 1e300, math.Inf(1))
		case *Parameter[bool]:
			x.Value = rapid.Bool().Draw(t, "bool")
		case *Parameter[string]:
			x.Value = rapid.SampledFrom([]string{x.Value, "image", "daemon", "race", "manifest", "wait", "refuse"}).Draw(t, "string")
		default:
			if f.Kind() == reflect.Struct {
				turn(t, p, f)
			}
			continue
		}
		if p.Validate() != nil {
			f.Set(was)
		}
	}
}

func extreme[T number](t *rapid.T, x *Parameter[T], ends ...T) {
	switch rapid.IntRange(0, 9).Draw(t, "extreme") {
	case 0, 1, 2:
		*x = is(rapid.SampledFrom(ends).Draw(t, "end"), "")
	case 3:
		*x = Parameter[T]{Distribution: "lognormal", Median: rapid.SampledFrom(ends).Draw(t, "median"), Sigma: 5}
	case 4:
		*x = Parameter[T]{Distribution: "uniform", Min: ends[0], Max: rapid.SampledFrom(ends).Draw(t, "max")}
	}
}
