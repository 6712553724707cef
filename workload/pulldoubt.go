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
	b.doubtWindow(&d)
	b.doubtPulls(h, &d)
	b.doubtTimes(h, &d)
	d.counted(b.lateReady, "pod", "%s last became ready more than 10 min after the start, as when a probe fails later or a kubelet is restarted: when they became ready first is unknown")
	if !b.opt.counted {
		d.counted(b.unlisted(), "app", "%s known by events alone, as no pod is in the input: in the timeline, named by a guess, not in the workload")
	}
	if len(b.varied) > 0 {
		d.say("the nodes of pools differ in number between looks (%s): their median is taken", strings.Join(b.varied, ", "))
	}
	if len(b.importer.nodes) == 0 && len(b.importer.pods) > 0 {
		d.say("no nodes are in the input, so the workload has no node pools: kubectl get pods,events,nodes")
	}
	return d
}

// doubtWindow are those about the time that is covered.
func (b *historyBuilder) doubtWindow(d *doubtList) {
	w := &b.window
	life := SpellTime(w.Life)
	switch {
	case w.Given:
		d.say("the window of %s was given, not found out from the snapshots", SpellTime(w.Covered))
	case w.Young:
		d.say("no object of the snapshots, node, pod nor event, is older than %s, so they cover that and no more: a cluster so young tells of how it was set up rather than of a usual day", SpellTime(w.To.Sub(w.From)))
	case w.back > w.Life*5/4:
		d.say("events in one snapshot reach back %s, but a snapshot is taken to tell of the %s before it: if the API server keeps events longer, give its --event-ttl", SpellTime(w.back), life)
	case w.short:
		d.say("no snapshot has events older than %s: if the API server keeps events for less than %s, give its --event-ttl, or rates are too low", SpellTime(w.Life*3/4), life)
	}
	if w.streamed > w.Life && !w.Given && !b.opt.counted {
		d.say("what stands outside of lists is taken for a watch without gaps, of %s: if it is not, give --window", SpellTime(w.streamed))
	}
	d.counted(w.Gaps, "gap", "%s between the snapshots are not covered and count for nothing: events live "+life+", so look more often")
}

// doubtPulls are those about what pulls were.
func (b *historyBuilder) doubtPulls(h *PullHistory, d *doubtList) {
	outcomes := map[Outcome]int{}
	virtual, replaced, asked := 0, 0, 0
	for i := range h.Pulls {
		p := &h.Pulls[i]
		outcomes[p.Outcome]++
		if p.Node == "" && p.place != "" {
			virtual++
		}
		if p.Replaces && p.Outcome == Pulled {
			replaced++
		}
		if p.Outcome == Unclear && p.asksAgain && !p.always {
			asked++
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
	d.counted(outcomes[Unclear], "pull", "of %s it cannot be told whether the image was fetched or was there, as the kubelet reports both alike: in no rate, neither present nor pulled")
	d.counted(asked, "pull", "of %s it cannot be told as the kubelet may ask about images that another pod's credentials fetched, as it does since 1.35: of such pulls only those that take longer than a question are in the rates")
	d.counted(outcomes[Rechecked], "pull", "%s found the image there: the registry was only asked")
	d.counted(outcomes[PartlyPulled], "pull", "%s faster than an image is fetched and unpacked whole: most layers were there, or they are pulled lazily or unpacked in parallel: not in the rates")
	if lazy := lazyNodes(h.Pulls); lazy > 0 {
		d.say("on %s most pulls are that fast: if the runtime pulls lazily (SOCI, stargz, nydus, image streaming), nothing was there, and what is read comes after the start", count(lazy, "node"))
	}
	d.counted(replaced, "pull", "%s found another image under the reference, perhaps with some of the layers: how much was fetched is unknown, not in the rates")
	d.counted(virtual, "pull", "%s on virtual nodes: each pod is taken for an instance of its own, which begins without images")
	d.counted(b.folded, "pull", "%s stand in no event of their own: the kubelet puts events together where there are many")
	d.counted(b.restarts, "restart", "%s of containers found their image present: no starts, left out")
	d.counted(b.failed, "container", "%s whose image never came: every pull failed")
	d.counted(b.never, "container", "%s whose image was not there, and whose policy is never to pull it")
	d.counted(b.outside, "pull", "%s before the window left out")
	if outcomes[Pulled] > 0 {
		d.say("a size is the whole image's: layers that the node had already make a pull look faster than it was")
	}
}

// leastLazy is how many pulls of a node must be too fast for its runtime to be
// suspected.
const leastLazy = 3

// lazyNodes counts the nodes most of whose pulls are faster than can be.
func lazyNodes(pulls []Pull) int {
	fast, all := map[string]int{}, map[string]int{}
	for i := range pulls {
		switch p := &pulls[i]; p.Outcome {
		case PartlyPulled:
			fast[p.place]++
			all[p.place]++
		case Pulled:
			all[p.place]++
		}
	}
	lazy := 0
	for place, n := range fast {
		if place != "" && n >= leastLazy && 2*n > all[place] {
			lazy++
		}
	}
	return lazy
}

// doubtTimes are those about how long pulls took, and their sizes.
func (b *historyBuilder) doubtTimes(h *PullHistory, d *doubtList) {
	var queued, unsized, unpacked, supposed, skewed int
	for i := range h.Pulls {
		p := &h.Pulls[i]
		if p.Outcome != Pulled {
			continue
		}
		switch {
		case p.UnpackedBytes != nil:
			unpacked++
		case p.CompressedBytes == nil:
			unsized++
		case p.supposed:
			supposed++
		}
		if p.Queued {
			queued++
		}
	}
	for _, wrong := range b.skewed {
		if wrong {
			skewed++
		}
	}
	d.counted(queued, "pull", "the time of %s may have waiting for other pulls within, which messages of older kubelets do not tell apart: not in the rates")
	d.counted(b.between, "pull", "the time of %s is that between their events, known to the second")
	d.counted(unpacked, "pull", "the size of %s is the unpacked one, as docker and CRI-O tell it: what was fetched is unknown")
	d.counted(supposed, "pull", "the size of %s is taken for the compressed one, as containerd tells it, for nothing tells a node's runtime: under docker and CRI-O it is the unpacked one, and less was fetched; give kubectl get nodes -o json besides, which tells it")
	d.counted(unsized, "pull", "the size of %s is unknown: the message or the node's runtime is missing")
	if skewed > 0 {
		d.say("the clocks of %s are more than %s off: their pulls are timed by the API server, and %s of theirs left out", count(skewed, "node"), SpellTime(clockSlack), count(b.skewStarts, "start"))
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
