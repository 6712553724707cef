package calibrate

import (
	"context"
	"github.com/cachebench/cachebench/simulate"
	"math/rand/v2"
)

type pull struct {
	image   string
	bytes   int64
	seconds float64
}

func (d *Data) addPulls(t *simulate.Timeline) error                  { return nil }
func (d *Data) dealPulls(r *rand.Rand)                               {}
func (d *Data) checkPulls(ctx context.Context) (*Calibration, error) { return nil, nil }
func (d *Data) fitPulls(ctx context.Context) (*Calibration, *simulate.Profile, error) {
	return nil, nil, nil
}
