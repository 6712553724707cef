package workload

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// maxPullEvents bounds the events about pulls of which each pull is told: what they
// take is held until the end. The starts of a longer history all count.
const maxPullEvents = 20_000

// A HistoryImporter reads what a cluster tells of its pulls and starts in any of
// InputFormats. Snapshots of objects go to a PullImporter. Of histories starts are
// counted by app, so that what is held grows with the apps, the pods that run at a time
// and a bounded number of pulls, not with the text. Its zero value has read nothing.
type HistoryImporter struct {
	pulls   PullImporter
	tally   tally
	prom    promTally
	held    map[string]*HeldImage
	crictl  []crictlList
	unnamed []string // inputs of crictl's of which the node is not known
	lists   []heldList
	listed  int // nodes whose images are told
	stopped int // nodes whose list is full, and may stop short
	// relative: a trace was read, whose times count from its own beginning; dated: some
	// other history was.
	relative, dated string
	groups          int
	answers         []*eciAnswer
	sampled         bool // there were more events about pulls than are held
	listedImages    int  // by crictl
	// formats are those of the inputs, lacks the inputs of which nothing came.
	formats []InputFormat
	lacks   []lack
	json    jsonText
	// maxHeld stands for maxHeldEvents where it is not 0; disorder says of which inputs lines
	// were further out of order.
	maxHeld  int
	disorder []string
}

// Read reads an input, called name in errors, with its gzip or zstd. An empty format is
// told by the text; the one that was read is returned. Errors are a *document.Error where
// the input is to blame.
func (i *HistoryImporter) Read(name string, r io.Reader, format InputFormat) (InputFormat, error) {
	text, done, err := unpacked(name, r)
	if err != nil {
		return format, err
	}
	format, err = i.read(name, text, format)
	return format, cmp.Or(done(), err)
}

// read reads a text that is not packed.
func (i *HistoryImporter) read(name string, text *bufio.Reader, format InputFormat) (InputFormat, error) {
	head, err := text.Peek(looked)
	if err != nil && !errors.Is(err, io.EOF) {
		return format, readError(name, err)
	}
	told := formatOf(head)
	if format == "" || format == told {
		if err := refused(name, head); err != nil {
			return told, err
		}
	}
	format = cmp.Or(format, told)
	before := i.counts()
	if err = i.readAs(name, text, format); err == nil {
		i.formats = append(i.formats, format)
		if what := lacking(format, before, i.counts()); what != "" {
			i.lacks = append(i.lacks, lack{name, format, what})
		}
	}
	return format, err
}

// readAs reads a text of a format.
func (i *HistoryImporter) readAs(name string, text *bufio.Reader, format InputFormat) error {
	if format != KubectlInput && format != CrictlInput {
		if format == TraceInput {
			i.relative = name
		} else {
			i.dated = name
		}
		if i.relative != "" && i.dated != "" {
			return &document.Error{File: name, Line: 1, Message: fmt.Sprintf("the times of a trace (%s) count from its own beginning, those of %s are dates: import them one by one", i.relative, i.dated)}
		}
		i.tally.begin()
		defer i.tally.end()
	}
	switch format {
	case EventsInput:
		return i.readEvents(name, text)
	case PrometheusInput:
		a := &arrayReader{name: name, key: "result", bare: true, what: "the result of a range query"}
		a.take = func(line, item int, text []byte) error { return i.prom.series(a, line, item, text) }
		a.text = i.prom.warn
		a.tell = func(key string, value json.Token) {
			if key == "isPartial" && value == true {
				i.prom.warn("warnings", "isPartial is true: some storage did not answer")
			}
		}
		return a.read(text)
	case CrictlInput:
		return i.readCrictl(name, text)
	case ECIInput:
		return i.readGroups(name, text)
	case TraceInput:
		return i.readTrace(name, text)
	}
	return i.pulls.Read(name, text)
}

// readEvents reads lines of events. Pods and nodes among them are taken as of a watch.
func (i *HistoryImporter) readEvents(name string, r lineSource) error {
	i.pulls.begin()
	d := &objectReader{name: name, take: i.pulls.add, events: true, lines: &lineReader{}}
	o := &eventOrder{most: cmp.Or(i.maxHeld, maxHeldEvents)}
	o.take = i.tally.event
	var e lineEvent
	err := lines(name, r, func(n int, text []byte) error {
		switch readEventLine(&i.json, text, &e) {
		case lineBroken:
			return &document.Error{File: name, Line: n, Message: "not an event, nor another object of JSON: one stands in each line of a history; a line that is cut short must go"}
		case lineOther:
			if kind := kindOf(&i.json, text); kind == "Pod" || kind == "Node" {
				return d.one(n, text)
			}
			i.tally.skip(skipNoEvent)
			return nil
		}
		if e.last == 0 || !isTallied(&e) {
			i.tally.event(&e) // no matter when
		} else {
			o.add(&e)
		}
		switch {
		case !isPull(&e):
			i.pulls.eventCount++
		case len(i.pulls.events) >= maxPullEvents:
			i.sampled = true
		default:
			return d.one(n, e.whole)
		}
		return nil
	})
	o.end()
	if told := o.told(name); told != "" {
		i.disorder = append(i.disorder, told)
	}
	return err
}

// isPull is whether an event is about a pull, or about a pod's being scheduled.
func isPull(e *lineEvent) bool { return string(e.kind) == "Pod" && isPullReason(e.reason) }

// isTallied is whether a tally may count an event.
func isTallied(e *lineEvent) bool {
	if string(e.kind) != "Pod" {
		return true
	}
	switch string(e.reason) {
	case "Scheduled", "Pulling", "Pulled", "pulling", "pulled", "Started", "Killing", "Evicted", "Preempted", "TaintManagerEviction":
		return true
	}
	return false
}

// isPullReason is whether an event of that reason is about a pull, or about a pod's being
// scheduled.
func isPullReason(reason []byte) bool {
	switch string(reason) {
	case "Scheduled", "Pulling", "Pulled", "pulling", "pulled", "Failed", "BackOff":
		return true
	}
	return false
}

// kindOf is the kind of an object.
func kindOf(j *jsonText, text []byte) string {
	kind := ""
	j.object(text, func(key, value []byte) bool {
		if string(key) == "kind" {
			kind = string(j.text(value))
		}
		return true
	})
	return kind
}

// one hands over the object of a line.
func (d *objectReader) one(line int, text []byte) error {
	d.lines.line = line
	d.json = json.NewDecoder(bytes.NewReader(text))
	token, err := d.json.Token()
	if err != nil {
		return d.syntax(err)
	}
	return d.value(token, "", 0)
}

// History puts together what was read.
func (i *HistoryImporter) History(opt PullOptions) (*PullHistory, error) {
	i.prom.count(&i.tally)
	opt.counted = !i.tally.isEmpty()
	h, err := i.pulls.History(opt)
	i.holdNodes()
	nothing := i.tally.isEmpty() && len(i.held) == 0 && i.prom.pulls.isEmpty()
	if err != nil && !errors.Is(err, ErrNoPulls) {
		return nil, err
	}
	if err != nil && nothing {
		return nil, i.nothing(err)
	}
	if err != nil {
		h = &PullHistory{Runtimes: map[string]int{}}
	}
	if i.sampled {
		h.Doubts = append(h.Doubts, fmt.Sprintf("pulls are those of the first %d events about them, up to %s: the starts of the whole history count", maxPullEvents, stampOf(h.Window.To)))
	}
	h.PullDurations = i.prom.pulls.pullDurations()
	_, of := i.pulls.nodePools(opt)
	poolOf := func(node string) string { return of[node] }
	if !i.tally.isEmpty() {
		pools := i.addTally(h, opt)
		poolOf = func(node string) string {
			pool, isGuess := pools.poolOf(node)
			if isGuess {
				return ""
			}
			return pool
		}
	}
	if !i.sampled || len(i.formats) == 1 { // else the first that is told of a node may be left out
		h.Notes = append(h.Notes, h.Workload.tellPrePulled(h.Pulls, func(node string, at time.Time) bool { return i.cameBefore(node, at, &h.Window) }, poolOf)...)
	}
	if h.Held = i.heldImages(h); h.Held != nil {
		h.Held.Pools = h.Workload.heldPools(i.lists, h.Pulls, poolOf)
		h.Notes = append(h.Notes, heldNotes(h.Held.Pools)...)
	}
	if h.NoStarts == "" {
		h.PulledLives = h.Workload.pulledLives(h.Pulls)
	}
	h.Doubts = append(h.Doubts, i.disorder...)
	h.Doubts = append(h.Doubts, i.doubtUnnamed()...)
	h.Doubts = append(h.Doubts, i.prom.missing()...)
	for _, l := range i.lacks {
		h.Doubts = append(h.Doubts, fmt.Sprintf("nothing came of %s, which %s", l.name+" ("+string(l.format)+")", l.what))
	}
	return h, nil
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// skips are the reasons for which nothing was used.
func (i *HistoryImporter) skips() string {
	var words []string
	for reason, n := range i.tally.skipped {
		words = append(words, fmt.Sprintf("%d times %s", n, reason))
	}
	slices.Sort(words)
	return "the input holds " + strings.Join(words, ", ")
}

// addTally puts the apps of histories to those of snapshots. Of an app that both tell, the
// snapshot's images, sizes and pools hold, and the history's rates.
func (i *HistoryImporter) addTally(h *PullHistory, opt PullOptions) *poolBuilder {
	b := i.tally.build(opt)
	h.History = &b.history
	h.NoStarts = b.noStarts()
	if i.prom.ready.all > 0 {
		d, _ := i.prom.ready.median()
		h.History.StartToReady, h.History.Ready = &d, i.prom.ready.all
	}
	if i.relative != "" {
		b.note("the time 0 of the trace is taken for Monday 00:00 UTC")
	}
	if i.groups > 0 {
		b.doubt("ECI lists the container groups that are there, those that ended in the last hour, and the last 100 of a region that ended before: of others, and of those that were deleted, nothing is told, so rates are lower bounds")
	}
	known := map[string]int{}
	for n := range h.Workload.Apps {
		known[h.Workload.Apps[n].Name] = n
	}
	b.namePulls(h.Pulls, known)
	for n := range h.Workload.Apps {
		h.Workload.Apps[n].StartsPerDay, h.Origins[n].StartsPerDay = 0, "no start in the histories"
	}
	pools, guessed := i.addPools(h, b, opt), []string(nil)
	for n, app := range b.apps {
		pool, isGuess := pools.poolOf(b.lastNode[app.Name])
		app.NodePool = pool
		if _, ok := known[app.Name]; isGuess && !ok {
			guessed = append(guessed, app.Name)
		}
		if app.NodePool != "" {
			app.PulledFraction = pulledFraction(h.Pulls, app.Name)
		}
		at, ok := known[app.Name]
		if !ok {
			h.Workload.Apps = append(h.Workload.Apps, app)
			h.Origins = append(h.Origins, b.origins[n])
			continue
		}
		to, origin := &h.Workload.Apps[at], &h.Origins[at]
		to.StartsPerDay, to.HourlyWeights, to.Bursts, to.ReleasesPerMonth = app.StartsPerDay, app.HourlyWeights, app.Bursts, app.ReleasesPerMonth
		origin.StartsPerDay, origin.HourlyWeights = b.origins[n].StartsPerDay, b.origins[n].HourlyWeights
		if len(i.tally.apps) > 0 && strings.HasPrefix(b.origins[n].Runtime, "median") {
			to.Runtime, origin.Runtime = app.Runtime, b.origins[n].Runtime
		}
	}
	if len(guessed) > 0 {
		b.note("the node of the last start is not listed, and those of several pools are called as it is, so that the largest of them is taken as the nodePool of %s", few(guessed))
	}
	h.Doubts = append(b.doubts, h.Doubts...)
	h.Notes = append(h.Notes, b.notes...)
	sortApps(h)
	return pools
}

// cameBefore says whether a node came before a time, and all is told of it from then on to
// that time.
func (i *HistoryImporter) cameBefore(node string, at time.Time, w *Window) bool {
	if n := i.pulls.nodes[node]; n != nil && !n.created.After(at) && slices.ContainsFunc(w.spans, func(s span) bool {
		return !n.created.Before(s.from) && !at.After(s.to)
	}) {
		return true
	}
	n := i.tally.nodes.all[node]
	if n == nil && i.tally.nodes.ended != nil {
		n = i.tally.nodes.endedNode(node)
	}
	return n != nil && n.came > 0 && at.Unix() >= n.came && at.Unix()-n.came < silentHours*hourSeconds
}

// namePulls calls the apps of pulls of which no pod is known as the histories' apps are.
func (b *tallyBuilder) namePulls(pulls []Pull, known map[string]int) {
	for n := range pulls {
		p := &pulls[n]
		if _, ok := known[p.App]; ok {
			continue
		}
		guess := guessApp(p.Namespace, p.Pod)
		if _, ok := b.names[guess.whole()]; ok {
			guess.root = guess.whole()
		}
		if name, ok := b.names[guess.root]; ok {
			p.App = name
		}
	}
}

// addPools adds the pools of the nodes that the history tells of, and what it tells of those
// that snapshots list.
func (i *HistoryImporter) addPools(h *PullHistory, b *tallyBuilder, opt PullOptions) *poolBuilder {
	p := &poolBuilder{tallyBuilder: b, virtual: map[string]bool{}}
	p.listed, p.of = i.pulls.nodePools(opt)
	for name, n := range i.pulls.nodes {
		p.virtual[name] = n.virtual
	}
	h.Workload.NodePools = p.nodePools()
	return p
}

// nodePools are those of the nodes that were listed, and which each is in.
func (i *PullImporter) nodePools(opt PullOptions) (pools []NodePool, of map[string]string) {
	if len(i.nodes) == 0 {
		return nil, nil
	}
	pools, of = i.builder(opt).nodePools()
	maps.DeleteFunc(of, func(_, pool string) bool {
		return !slices.ContainsFunc(pools, func(p NodePool) bool { return p.Name == pool })
	})
	return pools, of
}

// sortApps brings a workload's apps in order of name.
func sortApps(h *PullHistory) {
	order := make([]int, len(h.Workload.Apps))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return strings.Compare(h.Workload.Apps[a].Name, h.Workload.Apps[b].Name)
	})
	apps, origins := make([]App, len(order)), make([]Origin, len(order))
	for n, from := range order {
		apps[n], origins[n] = h.Workload.Apps[from], h.Origins[from]
	}
	h.Workload.Apps, h.Origins = apps, origins
}
