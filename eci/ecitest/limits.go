package ecitest

import (
	"math"
	"time"
)

// Limit is a token bucket: Burst calls at once, refilled by PerSecond. The zero
// Limit limits nothing.
type Limit struct {
	Burst     float64 `json:"burst"`
	PerSecond float64 `json:"perSecond"`
}

// perMinute is a limit of calls in a minute, which may come at once.
func perMinute(calls float64) Limit { return Limit{calls, calls / 60} }

// DefaultLimits are those of eci §2.8: the newest table's for groups, the older
// one's elsewhere. Status and events are not listed: as many as of groups, which
// answer about the same. The calls on existing caches are not listed and have no
// limit.
func DefaultLimits() map[string]Limit {
	return map[string]Limit{
		"CreateContainerGroup":         {100, 20},
		"DeleteContainerGroup":         {100, 20},
		"CreateImageCache":             perMinute(200),
		"DescribeContainerGroups":      perMinute(2000),
		"DescribeContainerGroupStatus": perMinute(2000),
		"DescribeContainerGroupEvents": perMinute(2000),
		"DescribeContainerGroupPrice":  perMinute(1000),
	}
}

// bucket is a token bucket at a time.
type bucket struct {
	limit  Limit
	tokens float64
	at     time.Time
}

// take takes a token if there is one.
func (b *bucket) take(now time.Time) bool {
	b.tokens = math.Min(b.limit.Burst, b.tokens+b.limit.PerSecond*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// allowed says whether the rate limit lets a call of an action in.
func (s *Server) allowed(action string, now time.Time) bool {
	b := s.buckets[action]
	if b == nil {
		limit, ok := s.opt.Limits[action]
		if !ok {
			limit = DefaultLimits()[action]
		}
		b = &bucket{limit, limit.Burst, now}
		s.buckets[action] = b
	}
	return b.limit == Limit{} || b.take(now)
}

// listUsage is ListUsage (eci §2.7): what of the region's quotas is used.
func (s *Server) listUsage(c *call) (any, *refusal) {
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	manual, automatic := s.counted(c.region)
	return object{"Attributes": object{
		"MaxImageCacheCount": s.policy.ManualQuota, "UsedImageCacheCount": manual,
		"MaxAutoImageCacheCount": s.policy.AutomaticQuota, "UsedAutoImageCacheCount": automatic,
		"MaxDataCacheCount": 50, "UsedDataCacheCount": 0,
		"MaxCpu": s.opt.MaxVCPU, "UsedCpu": s.usedVCPU(c.region, c.now),
	}}, nil
}

// counted counts the caches of a region.
func (s *Server) counted(region string) (manual, automatic int) {
	for _, c := range s.caches {
		switch {
		case c.region != region:
		case c.automatic:
			automatic++
		default:
			manual++
		}
	}
	return manual, automatic
}
