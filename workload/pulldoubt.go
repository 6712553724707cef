package workload

import (
	"fmt"
	"strings"
)

// doubts are the reasons to trust a history less, the weightiest first.
func (b *historyBuilder) doubts(h *PullHistory) []string {
	var d doubtList
	covered := SpellTime(b.window.Covered)
	if h.NoStarts == "" && b.window.Covered < day {
		d.say("startsPerDay is scaled to a day from %s: it is right only if the other hours are like these", covered)
	}
	if b.window.Given {
		d.say("the window of %s was given, not read from the events", covered)
	}
	if b.window.longest > eventLife {
		d.say("one snapshot seems to cover %s, though events live an hour unless --event-ttl of the API server says otherwise: if it does not, give --window", SpellTime(b.window.longest))
	}
	d.counted(b.window.Gaps, "gap", "%s between the snapshots are not covered and count for nothing: events live an hour, so look more often")
	b.doubtPulls(h, &d)
	d.counted(b.unlisted(), "app", "%s known by events alone, as no pod is in the input: in the timeline, named by a guess, not in the workload")
	if len(b.importer.nodes) == 0 && len(b.importer.pods) > 0 {
		d.say("no nodes are in the input, so the workload has no node pools: kubectl get pods,events,nodes")
	}
	return d
}

// doubtPulls are those about the pulls.
func (b *historyBuilder) doubtPulls(h *PullHistory, d *doubtList) {
	var unsized, unpacked, rechecked, partly, pulled int
	for i := range h.Pulls {
		switch p := &h.Pulls[i]; p.Outcome {
		case Pulled:
			pulled++
			switch {
			case p.UnpackedBytes != nil:
				unpacked++
			case p.CompressedBytes == nil:
				unsized++
			}
		case PartlyPulled:
			partly++
		case Rechecked:
			rechecked++
		}
	}
	total := 0
	var reasons []string
	for _, x := range h.Dropped {
		total += x.Count
		reasons = append(reasons, fmt.Sprintf("%d %s", x.Count, x.Reason))
	}
	if total > 0 {
		d.say("%s dropped: %s", count(total, "pull"), strings.Join(reasons, ", "))
	}
	d.counted(b.importer.untimed, "event", "%s about pulls without any time left out")
	d.counted(b.waits, "pull", "the time of %s may have waiting for other pulls within: messages of older kubelets do not tell it apart")
	d.counted(b.between, "pull", "the time of %s is that between their events, known to the second")
	d.counted(unpacked, "pull", "the size of %s is the unpacked one, as docker and CRI-O tell it: what was fetched is unknown")
	d.counted(unsized, "pull", "the size of %s is unknown: the message or the node's runtime is missing")
	d.counted(rechecked, "pull", "%s of policy Always found the image there: the registry was only asked")
	d.counted(partly, "pull", "%s faster than a core unpacks (400 MB/s), so that most layers were there: not in the rates")
	d.counted(b.folded, "pull", "%s stand in no event of their own: the kubelet puts events together where there are many")
	d.counted(b.restarts, "restart", "%s of containers found their image present: no starts, left out")
	d.counted(b.failed, "container", "%s whose image never came: every pull failed")
	d.counted(b.outside, "pull", "%s before the window left out")
	if pulled > 0 {
		d.say("a size is the whole image's: layers that the node had already make a pull look faster than it was")
	}
}

// doubtList is a list of doubts.
type doubtList []string

func (d *doubtList) say(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

// counted adds a doubt about n of something, where there are any: the format begins
// with how many.
func (d *doubtList) counted(n int, what, format string) {
	if n > 0 {
		d.say(format, count(n, what))
	}
}
