package workload

import "github.com/cachebench/cachebench/internal/document"

// traceBegin is when a trace begins, as far as hours of the week go: on a Monday.
const traceBegin = 4 * 24 * hourSeconds

// readTrace counts the starts of a trace, however many.
func (i *HistoryImporter) readTrace(name string, r lineSource) error {
	t := &traceReader{name: name, trace: &Trace{Name: name}, names: map[string]string{}, images: map[string][]string{}}
	t.take = i.tally.traced
	head, err := r.Peek(looked)
	if err != nil && len(head) == 0 {
		return readError(name, err)
	}
	if mark, err := r.Peek(len(byteOrderMark)); err == nil && string(mark) == string(byteOrderMark) {
		_, err = r.Discard(len(byteOrderMark))
		if err != nil {
			return readError(name, err)
		}
	}
	if head, _ = r.Peek(1); len(head) > 0 && (head[0] == '{' || head[0] == ' ' || head[0] == '\n') {
		err = t.lines(r)
	} else {
		err = t.csv(r)
	}
	i.tally.fill(i.tally.from, i.tally.to)
	if err == nil && i.tally.isEmpty() {
		err = &document.Error{File: name, Line: 1, Message: "the trace has no starts"}
	}
	return err
}

// traced counts a line of a trace.
func (t *tally) traced(s *TraceStart) {
	at := int64(s.At.Seconds()) + traceBegin
	t.tell(at)
	t.pass(at)
	t.placed = true
	images := make([]tallyImage, 0, 8)
	for _, ref := range s.Images {
		images = append(images, tallyImage{reference: ref})
	}
	set := t.set(nameGuess{root: s.App}, "", images, setKey{}, at)
	if set == nil {
		return
	}
	set.whole = true
	set.placed.addMany(at, s.Count)
	set.burst.add(at, s.Count)
	if on := t.nodes.start(s.Node, at); on != nil {
		set.onNode(s.Node, s.Count)
		on.live += s.Count - 1
		if s.Runtime != nil {
			t.nodes.willEnd(on, at+int64(s.Runtime.Seconds()), s.Count)
		} else {
			on.group.endless++
		}
	}
	if s.Runtime != nil {
		set.runtimes.addMany(*s.Runtime, s.Count)
	}
}
