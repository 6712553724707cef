package lab

import (
	"fmt"
	"math"
	"time"

	"github.com/vishvananda/netlink"
)

// The token bucket filter of the link. A burst makes up for timers that come late,
// and one of 64 KiB and headers lets segments be cut late: cut in the filter they cost
// half a core at 200 Mbit/s, here 5 %. The queue is as in common routers.
const (
	burstTime = 5 * time.Millisecond
	minBurst  = 72 << 10
	queueTime = 50 * time.Millisecond
	minQueue  = 512 << 10
)

// shaper shapes what a namespace's interface sends.
type shaper struct {
	space *space
	index int
	on    bool
}

// newShaper also tries out whether the kernel has the filter.
func newShaper(s *space) (*shaper, error) {
	link, err := s.handle.LinkByName(interfaceName)
	if err != nil {
		return nil, fmt.Errorf("find the registry's interface: %w", err)
	}
	sh := &shaper{space: s, index: link.Attrs().Index}
	for _, rate := range []float64{1e6, math.Inf(1)} {
		if err := sh.set(rate); err != nil {
			return nil, fmt.Errorf("shape the registry's link: %w", err)
		}
	}
	return sh, nil
}

func (s *shaper) set(bytesPerSecond float64) error {
	attrs := netlink.QdiscAttrs{LinkIndex: s.index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	if math.IsInf(bytesPerSecond, 1) {
		if !s.on {
			return nil
		}
		if err := s.space.handle.QdiscDel(&netlink.Tbf{QdiscAttrs: attrs}); err != nil {
			return fmt.Errorf("remove the token bucket filter: %w", err)
		}
		s.on = false
		return nil
	}
	burst := max(bytesPerSecond*burstTime.Seconds(), minBurst)
	queue := max(bytesPerSecond*queueTime.Seconds(), minQueue)
	tbf := &netlink.Tbf{
		QdiscAttrs: attrs,
		Rate:       uint64(bytesPerSecond),
		Buffer:     netlink.Xmittime(uint64(bytesPerSecond), uint32(burst)),
		Limit:      uint32(min(burst+queue, math.MaxUint32)),
	}
	if err := s.space.handle.QdiscReplace(tbf); err != nil {
		return fmt.Errorf("set the token bucket filter: %w", err)
	}
	s.on = true
	return nil
}
