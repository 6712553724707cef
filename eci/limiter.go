package eci

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// limiter keeps to the documented rates, per action and region (eci §2.8). Only
// for container groups is a burst documented; the others' is what a tenth of a
// minute holds. That each action has a bucket of its own is assumed.
type limiter struct{ buckets map[string]*rate.Limiter }

func newLimiter() *limiter {
	perMinute := func(calls int) *rate.Limiter {
		return rate.NewLimiter(rate.Limit(float64(calls)/60), calls/10)
	}
	return &limiter{map[string]*rate.Limiter{
		"CreateContainerGroup":        rate.NewLimiter(20, 100),
		"DeleteContainerGroup":        rate.NewLimiter(20, 100),
		"CreateImageCache":            perMinute(200),
		"DescribeContainerGroups":     perMinute(2000),
		"DescribeContainerGroupPrice": perMinute(1000),
	}}
}

// wait pauses until the action may be called, or the context ends.
func (l *limiter) wait(ctx context.Context, action string, now time.Time, sleep func(context.Context, time.Duration) error) error {
	if l == nil || l.buckets[action] == nil {
		return nil
	}
	reservation := l.buckets[action].ReserveN(now, 1)
	pause := reservation.DelayFrom(now)
	if pause <= 0 {
		return nil
	}
	if err := sleep(ctx, pause); err != nil {
		reservation.CancelAt(now)
		return err
	}
	return nil
}
