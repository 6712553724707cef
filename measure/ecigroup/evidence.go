package ecigroup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/eci"
)

// evidence is what a group says of the cache that it was started from.
type evidence struct {
	cacheID string
	// hit and missed are events of the service; pulled is how many images the kubelet says
	// that it has, present how many of them were there before.
	hit, missed     bool
	pulled, present int
	// fault says what cannot be of it, whatever its arm.
	fault string
}

// known says whether it tells anything.
func (v *evidence) known() bool { return v.cacheID != "" || v.missed }

// evidenceOf reads the events and the annotation of a group (eci §1.10, §3.2, §4.1).
func evidenceOf(o *observation) evidence {
	read := eci.ReadEvidence(o.events)
	annotated := o.annotations[eci.MatchedCacheAnnotation]
	v := evidence{cacheID: read.HitCacheID, hit: read.HitCacheID != "", missed: read.Missed, pulled: len(read.Pulled)}
	for _, p := range read.Pulled {
		if p.AlreadyPresent {
			v.present++
		}
	}
	switch {
	case v.cacheID == "":
		v.cacheID = annotated
	case annotated != "" && annotated != v.cacheID:
		v.fault = fmt.Sprintf("its event says that it was started from %s, its annotation from %s", v.cacheID, annotated)
	}
	switch {
	case read.CacheNotFound:
		v.fault = "the service did not find the cache that it was to be started from"
	case read.CacheIncomplete:
		v.fault = "the cache that it was to be started from was not complete"
	}
	return v
}

// contradicts says why a start's evidence is not that of its arm; empty where it is, or
// where nothing is known. A cache that holds some of the images is a match: what it
// saved is another question. Want is the cache that a manual arm names, images how many
// a start has, and asks says that the registry is asked for them also where they are
// there, so that what is pulled says nothing (eci §1.10).
func (v *evidence) contradicts(kind, want string, images int, asks bool) string {
	switch {
	case v.fault != "":
		return v.fault
	case kind == ArmCold && v.cacheID != "":
		return fmt.Sprintf("it was started from %s, where no cache was to be used", v.cacheID)
	case kind == ArmCold && v.present > 0:
		return fmt.Sprintf("%d of its images were present, where no cache was to be used", v.present)
	case kind == ArmCold:
		return ""
	case manual(kind) && v.hit && v.missed:
		return "its events say that it hit " + v.cacheID + ", and that it missed"
	case v.cacheID == "" && v.missed:
		return "it missed, where it was to be started from " + orAny(want)
	case kind != ArmAutomatic && v.cacheID != "" && v.cacheID != want:
		return fmt.Sprintf("it was started from %s, where it was to be from %s", v.cacheID, orAny(want))
	case v.cacheID == "" && v.pulled >= images && v.present == 0 && !asks:
		return "it pulled all its images, and nothing says that it was started from " + orAny(want)
	}
	return ""
}

func orAny(cache string) string {
	if cache == "" {
		return "a cache"
	}
	return cache
}

// trouble is why a group will never run: of capacity or money (eci §3.2), or that
// scheduling failed.
func trouble(o *observation) string {
	var words []string
	for _, e := range eci.ReadEvidence(o.events).Troubles {
		words = append(words, e.Reason+": "+e.Message)
	}
	if len(words) == 0 && o.state.Status == eci.GroupScheduleFailed {
		words = append(words, "it could not be scheduled")
	}
	return strings.Join(words, "; ")
}

// zonal are the troubles that one zone may have and another not. That FailedScheduling and
// ResourceInsufficient are of them is inferred: to wait for another zone costs nothing, for
// what is being scheduled is not paid for (eci §3.1).
var zonal = []string{"ResourceInsufficient", "NoStock", "StockExhaust", "StockClose", "FailedScheduling"}

// unplaced says whether a group that is being scheduled will never run. With vSwitches in
// several zones that one has no stock decides nothing: the service says when none has.
func (s *session) unplaced(o *observation) bool {
	if len(s.exp.Group.VSwitchIDs) < 2 {
		return trouble(o) != ""
	}
	return slices.ContainsFunc(eci.ReadEvidence(o.events).Troubles, func(e eci.Event) bool {
		return !slices.ContainsFunc(zonal, e.Is)
	})
}
