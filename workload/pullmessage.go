package workload

import (
	"strconv"
	"strings"
	"time"
)

// A pullStep is what a kubelet's event tells of a pull.
type pullStep uint8

const (
	noStep pullStep = iota
	stepScheduled
	stepPulling
	stepPulled
	stepPresent
	stepFailed
	stepBackOff
	// stepNever: the image was not there, and the policy is not to pull it.
	stepNever
)

// pullMessage is what one message tells. The messages are those of the kubelet's
// image manager (kubernetes/kubernetes, pkg/kubelet/images/image_manager.go).
type pullMessage struct {
	step      pullStep
	reference string
	// took is the pull's own time, or where the message tells no waiting, the time
	// with it; waiting is the time from the request, both nil where not told.
	took, waiting *time.Duration
	// bytes is the size of the image; nil where the message does not tell it.
	bytes *int64
	// unreadable: there is a time that is none.
	unreadable bool
	// folded: the event stands for several that differ in their messages.
	folded bool
}

// foldedPrefix begins the messages of events that client-go's recorder put
// together: of one pod and reason, from the tenth message that differs on, until
// none came for ten minutes (tools/record/events_cache.go, EventAggregate).
const foldedPrefix = "(combined from similar events): "

var pullBegins = []struct {
	text string
	step pullStep
}{
	{"Pulling image ", stepPulling},
	{"pulling image ", stepPulling}, // older kubelets
	{"Successfully pulled image ", stepPulled},
	{"Container image ", stepPresent},
	{"Failed to pull image ", stepFailed},
	{"Back-off pulling image ", stepBackOff},
}

// readPullMessage reads a kubelet's message; its step is noStep where it is about
// something else.
func readPullMessage(text string) pullMessage {
	rest, folded := strings.CutPrefix(text, foldedPrefix)
	for _, b := range pullBegins {
		after, ok := strings.CutPrefix(rest, b.text)
		if !ok {
			continue
		}
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil {
			return pullMessage{}
		}
		reference, err := strconv.Unquote(quoted)
		if err != nil || !imageText.MatchString(reference) {
			return pullMessage{}
		}
		m := pullMessage{step: b.step, reference: reference, folded: folded}
		m.readEnd(strings.TrimSpace(after[len(quoted):]))
		return m
	}
	return pullMessage{}
}

// readEnd reads what stands behind the reference.
func (m *pullMessage) readEnd(rest string) {
	switch m.step {
	case stepPresent:
		// Newer kubelets go on: "and can be accessed by the pod".
		if !strings.HasPrefix(rest, "already present on machine") {
			// "is not present with pull policy of Never"
			m.step = stepNever
		}
	case stepPulled:
		m.readTimes(rest)
	}
}

// readTimes reads "in 3.2s (5.1s including waiting). Image size: 72950530 bytes.",
// of which older kubelets leave out the end, the bracket (before kubernetes'
// pull request 111772) or all (before 91563).
func (m *pullMessage) readTimes(rest string) {
	if after, ok := strings.CutPrefix(rest, "in "); ok {
		first, more, _ := strings.Cut(after, " ")
		m.took = m.duration(strings.TrimRight(first, ".,"))
		if bracket, ok := strings.CutPrefix(more, "("); ok {
			if waiting, _, ok := strings.Cut(bracket, " including waiting)"); ok {
				m.waiting = m.duration(waiting)
			}
		}
	}
	if _, after, ok := strings.Cut(rest, "Image size: "); ok {
		digits, _, _ := strings.Cut(after, " ")
		// The kubelet writes 0 where the runtime did not tell.
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 {
			m.bytes = &n
		}
	}
}

func (m *pullMessage) duration(text string) *time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		m.unreadable = true
		return nil
	}
	return &d
}
