package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// PullFormats are those of a PullSummary.
func PullFormats() []Format { return []Format{Text, JSON} }

// WritePulls writes s to w.
func WritePulls(w io.Writer, format Format, s *PullSummary, opt Options) error {
	var data []byte
	var err error
	switch format {
	case Text:
		data = pullsText(s, opt)
	case JSON:
		data, err = document.Marshal(PullSummaryKind, s)
	default:
		_, err = ParseFormat(string(format), PullFormats()...)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write the pulls: %w", err)
	}
	return nil
}

// shownImages bounds the table of images.
const shownImages = 20

// pullsText writes s for a terminal: first how wrong predictions are on these
// pulls, then the verdict.
func pullsText(s *PullSummary, opt Options) []byte {
	p := &printer{color: opt.Color}
	if s.Prediction != nil {
		p.lines(bold, wrap(s.Prediction.Sentence+".", 0))
	}
	p.lines(bold, wrap(s.headline(), 0))
	for _, words := range s.sentences() {
		p.lines("", wrap(words, 2))
	}
	p.list("Doubts", s.Doubts)
	p.pulledImages(s.ByImage)
	p.podStarts(&s.Starts)
	p.pullDurations(s.PullDurations)
	p.counted(s.PullChecks, s.CheckedProfile)
	p.heldImages(s.Held)
	if s.History != nil {
		var unused []string
		for _, d := range s.History.Skipped {
			unused = append(unused, fmt.Sprintf("%s: %s", number(float64(d.Count)), d.Reason))
		}
		p.list("Not used of the histories", unused)
	}
	if s.Apps > 0 {
		p.list("Assumed in the workload", s.Notes)
	}
	return p.out.Bytes()
}

// headline is the verdict.
func (s *PullSummary) headline() string {
	if s.Pulls+s.Present+s.Rechecked+s.Unclear+len(s.Dropped) == 0 && s.Window.To.IsZero() {
		return s.bareHeadline()
	}
	where := ""
	if s.Nodes > 0 || s.Pulls == 0 {
		where = " on " + count(s.Nodes, "node")
	}
	parts := []string{fmt.Sprintf("%s of %s%s in %s", count(s.Pulls, "pull"), count(s.Images, "image"), where, workload.SpellTime(s.Window.Covered))}
	var figures []string
	if s.MedianBytesPerSecond != nil {
		figures = append(figures, "median "+rate(*s.MedianBytesPerSecond))
	} else if s.Median != nil {
		figures = append(figures, "median "+seconds(*s.Median)+", rate unknown")
	}
	if s.WaitP90 != nil {
		figures = append(figures, "p90 wait "+seconds(*s.WaitP90))
	}
	if len(figures) > 0 {
		parts = append(parts, strings.Join(figures, ", "))
	}
	if there := s.Present + s.Rechecked; there > 0 {
		verb := "were"
		if there == 1 {
			verb = "was"
		}
		parts = append(parts, fmt.Sprintf("%s %s already present (%s)", number(float64(there)), verb, percent(s.PresentFraction)))
	}
	if s.Unclear > 0 {
		parts = append(parts, fmt.Sprintf("%d cannot be told from questions about present ones", s.Unclear))
	}
	dropped := 0
	for _, d := range s.Dropped {
		dropped += d.Count
	}
	if dropped > 0 { // the reasons are among the doubts
		parts = append(parts, fmt.Sprintf("%d dropped as they cannot be", dropped))
	}
	return strings.Join(parts, "; ")
}

// bareHeadline is the verdict on inputs that tell of no single pull.
func (s *PullSummary) bareHeadline() string {
	switch {
	case s.History != nil:
		return fmt.Sprintf("%s of %s in %s; no single pull is told of", count(s.History.Starts, "start"), count(s.Apps, "app"), workload.SpellTime(s.History.Window.Covered))
	case len(s.PullDurations) > 0:
		n := 0
		for i := range s.PullDurations {
			n += s.PullDurations[i].Pulls
		}
		return fmt.Sprintf("%s counted by the size of the image; no start and no single pull is told of", count(n, "pull"))
	case s.Held != nil:
		return fmt.Sprintf("%s on %s; no start and no single pull is told of", count(len(s.Held.Images), "image"), count(s.Held.Nodes, "node"))
	}
	return "no start and no single pull is told of"
}

// historySentence says what histories cover.
func (h *historyView) sentence() string {
	bursts := ""
	if h.Bursts > 0 {
		bursts = fmt.Sprintf(" (%s in bursts)", number(float64(h.Bursts)))
	}
	unused := 0
	for _, d := range h.Skipped {
		unused += d.Count
	}
	text := fmt.Sprintf("The histories cover %s, between %s and %s: %s starts%s; of their records %s were used and %s were not.",
		workload.SpellTime(h.Window.Covered), stamp(h.Window.From), stamp(h.Window.To), number(float64(h.Starts)), bursts, number(float64(h.Records)), number(float64(unused)))
	if h.StartToReady != nil {
		text += fmt.Sprintf(" From a pod's start to ready: median %s, of %s.", seconds(*h.StartToReady), count(h.Ready, "pod"))
	}
	return text
}

type historyView workload.History

func (s *PullSummary) sentences() []string {
	w := &s.Window
	from := "as events live " + workload.SpellTime(w.Life)
	if w.Young {
		from = "as nothing in them is older"
	}
	if w.Given {
		from = "as given"
	}
	var list []string
	if len(s.Inputs) > 0 {
		var words []string
		for _, i := range s.Inputs[:min(len(s.Inputs), shownInputs)] {
			words = append(words, fmt.Sprintf("%s (%s)", i.Name, i.Format))
		}
		if more := len(s.Inputs) - shownInputs; more > 0 {
			words = append(words, fmt.Sprintf("%d more", more))
		}
		list = append(list, "Read: "+strings.Join(words, ", ")+".")
	}
	if s.History != nil {
		list = append(list, (*historyView)(s.History).sentence())
	}
	switch {
	case w.To.IsZero():
	case s.History != nil && len(s.Inputs) > 0 && !slices.ContainsFunc(s.Inputs, func(i PullInput) bool { return i.Format == workload.KubectlInput }):
		list = append(list, fmt.Sprintf("Single pulls are told of between %s and %s.", stamp(w.From), stamp(w.To)))
	default:
		list = append(list, fmt.Sprintf("The snapshots cover %s, %s, between %s and %s.", workload.SpellTime(w.Covered), from, stamp(w.From), stamp(w.To)))
	}
	if s.Sized > 0 {
		list = append(list, fmt.Sprintf("Rates are compressed bytes over the pull's own time, of the %s of which both are known: p10 %s, p90 %s.", count(s.Sized, "pull"), rate(*s.P10BytesPerSecond), rate(*s.P90BytesPerSecond)))
	}
	if len(s.Runtimes) > 0 {
		var words []string
		for _, r := range s.Runtimes {
			words = append(words, fmt.Sprintf("%s on %s", cmp.Or(r.Runtime, "an unknown one"), count(r.Nodes, "node")))
		}
		list = append(list, "Runtime: "+strings.Join(words, ", ")+".")
	}
	switch {
	case s.Apps == 0:
		list = append(list, "No pods are in the input, so there is no workload.")
	case s.NoStartsPerDay != "":
		list = append(list, fmt.Sprintf("Workload: %s, but no startsPerDay: %s. Read more snapshots, or scale with --scale-to-day.", count(s.Apps, "app"), s.NoStartsPerDay))
	default:
		list = append(list, fmt.Sprintf("Workload: %s.", count(s.Apps, "app")))
	}
	return list
}

// shownInputs bounds the inputs that are named.
const shownInputs = 6

func (p *printer) pullDurations(all []workload.PullDurations) {
	if len(all) == 0 {
		return
	}
	p.heading("Pulls by the size of the image, as kubelets count them (estimates within buckets)")
	t := &textTable{heads: []string{"size", ">pulls", ">median", ">p90"}}
	for _, d := range all {
		t.add("", d.Size, number(float64(d.Pulls)), seconds(d.Median), seconds(d.P90))
	}
	p.table(t)
}

func (p *printer) heldImages(h *workload.HeldImages) {
	if h == nil {
		return
	}
	p.heading(fmt.Sprintf("Images that nodes hold: %s on %s", count(len(h.Images), "image"), count(h.Nodes, "node")))
	t := &textTable{heads: []string{"image", ">nodes", ">size, as the runtime tells it"}}
	for _, i := range h.Images[:min(len(h.Images), shownImages)] {
		t.add("", i.Reference, fmt.Sprint(i.Nodes), size(i.Bytes))
	}
	p.table(t)
	if more := len(h.Images) - shownImages; more > 0 {
		p.line(fmt.Sprintf("  and %d more: --output json lists all", more))
	}
	for i := range h.Pools {
		for _, line := range wrap(heldSentence(&h.Pools[i]), 2) {
			p.line(line)
		}
	}
	if h.Full > 0 {
		for _, line := range wrap(fmt.Sprintf("The status of %s lists 50 images or more: a kubelet lists the 50 largest unless its nodeStatusMaxImages says otherwise, so there may be more. crictl images -o json lists all.", count(h.Full, "node")), 2) {
			p.line(line)
		}
	}
}

// heldSentence is what the nodes of a pool hold of the images of its apps, and besides.
func heldSentence(h *workload.HeldPool) string {
	var parts []string
	const most = 5
	for _, a := range h.Apps[:min(len(h.Apps), most)] {
		words := fmt.Sprintf("%s on %d", shortReference(a.Reference), a.Nodes)
		if unknown := h.Nodes - a.Nodes - a.Without; unknown > 0 {
			words += fmt.Sprintf(" (of %d not known)", unknown)
		}
		parts = append(parts, words)
	}
	if more := len(h.Apps) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	words := fmt.Sprintf("Of pool %s the images of %s are told", h.Pool, count(h.Nodes, "node"))
	if len(parts) > 0 {
		words += "; those of its apps: " + strings.Join(parts, ", ")
	}
	if n := len(h.Carried); n > 0 {
		words += fmt.Sprintf("; %s that nothing in the input uses are on all whose lists are whole", count(n, "image"))
	}
	return words + "."
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func (p *printer) pulledImages(images []ImagePulls) {
	if len(images) == 0 {
		return
	}
	p.heading("Images by the time that their pulls took")
	t := &textTable{heads: []string{"image", ">pulls", ">present", ">median", ">all", ">size", "of it"}}
	for i := range images[:min(len(images), shownImages)] {
		m := &images[i]
		bytes, kind := "", "unknown"
		if m.CompressedBytes != nil {
			bytes, kind = size(*m.CompressedBytes), "compressed"
		} else if m.UnpackedBytes != nil {
			bytes, kind = size(*m.UnpackedBytes), "unpacked"
		}
		t.add("", m.Reference, fmt.Sprint(m.Pulls), fmt.Sprint(m.Present), seconds(m.Median), longTime(m.Total), bytes, kind)
	}
	p.table(t)
	if more := len(images) - shownImages; more > 0 {
		p.line(fmt.Sprintf("  and %d more: --output json lists all", more))
	}
}

func (p *printer) podStarts(s *PodStarts) {
	if s.Count == 0 {
		return
	}
	p.heading(fmt.Sprintf("From creation to ready: medians of the pods that had each phase, of %s", count(s.Count, "pod")))
	t := &textTable{heads: []string{"", ">ready"}}
	medians, pods := []string{"median", "unknown"}, []string{"pods", fmt.Sprint(s.Count)}
	if s.Median != nil {
		medians[1] = seconds(*s.Median)
	}
	for _, phase := range s.Phases {
		t.heads = append(t.heads, ">"+podColumn(phase.Phase))
		medians, pods = append(medians, seconds(phase.Median)), append(pods, fmt.Sprint(phase.Pods))
	}
	t.add("", medians...)
	t.add("", pods...)
	p.table(t)
}

// podColumn names a phase apart from the whole, which is ready as well.
func podColumn(p simulate.Phase) string {
	switch p {
	case simulate.Resolve:
		return "ask"
	case simulate.Ready:
		return "app"
	}
	return string(p)
}
