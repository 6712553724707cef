package workload

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// eventKeys are the keys of an Event that are read: of v1, and of
// events.k8s.io/v1, which kubectl prints on request.
var eventKeys = [...]string{
	"involvedObject", "regarding", "reason", "message", "note", "firstTimestamp", "lastTimestamp",
	"deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime", "count", "deprecatedCount", "series",
	"source", "deprecatedSource", "reportingComponent", "reportingController", "reportingInstance",
}

// event is what is read of an Event, whichever of the two it is.
type event struct {
	InvolvedObject, Regarding                         eventObject
	Reason, Message, Note                             string
	FirstTimestamp, LastTimestamp                     time.Time
	DeprecatedFirstTimestamp, DeprecatedLastTimestamp time.Time
	EventTime                                         time.Time
	Count, DeprecatedCount                            int
	Series                                            struct {
		Count            int
		LastObservedTime time.Time
	}
	Source, DeprecatedSource struct{ Host string }
	ReportingInstance        string
	ReportingComponent       string
	ReportingController      string
}

type eventObject struct {
	Kind, Namespace, Name, UID, FieldPath string
}

// isEvent tells Events, whose list need not state their kind.
func (o *object) isEvent() bool {
	return o.kind == "Event" || o.kind == "" && len(o.event) > 0 && len(o.event[0].raw)+len(o.event[1].raw) > 0
}

// decodeEvent decodes the object as an event.
func (o *object) decodeEvent() (*event, error) {
	e := &event{}
	into := [...]any{
		&e.InvolvedObject, &e.Regarding, &e.Reason, &e.Message, &e.Note, &e.FirstTimestamp, &e.LastTimestamp,
		&e.DeprecatedFirstTimestamp, &e.DeprecatedLastTimestamp, &e.EventTime, &e.Count, &e.DeprecatedCount, &e.Series,
		&e.Source, &e.DeprecatedSource, &e.ReportingComponent, &e.ReportingController, &e.ReportingInstance,
	}
	for i, p := range o.event {
		if len(p.raw) == 0 || string(p.raw) == "null" {
			continue
		}
		if err := json.Unmarshal(p.raw, into[i]); err != nil {
			return nil, o.fault(p.line, "%s is not what an Event has there: %.80v", eventKeys[i], err)
		}
	}
	return e, nil
}

// An eventRecord is what is kept of an event about a pull, or of a pod's being
// scheduled.
type eventRecord struct {
	pullMessage
	pod       podKey
	container string
	node      string
	first     time.Time
	last      time.Time
	// exact: its time is known to more than the second.
	exact bool
	// skewed: the clock of who sent it was wrong, and its times were set right by the
	// API server's.
	skewed bool
	// count is how often it happened.
	count int
	// event tells it from others, whatever their messages.
	event eventKey
	// version is the resourceVersion, 0 where it is no number.
	version uint64
}

// podKey names a pod; the uid tells those of one name apart.
type podKey struct{ uid, namespace, name string }

// eventKey tells events apart. One event may bear several messages in its life,
// each about a pull of its own.
type eventKey [16]byte

// record returns what is kept of an event, nil where it is about something else.
func (e *event) record(meta *metadata) *eventRecord {
	about := e.about()
	if about.Kind != "Pod" || about.Name == "" {
		return nil
	}
	r := &eventRecord{pod: podKey{about.UID, cmp.Or(about.Namespace, meta.Namespace, "default"), about.Name}}
	message := cmp.Or(e.Message, e.Note)
	if e.Reason == "Scheduled" {
		r.step = stepScheduled
		_, r.node, _ = strings.Cut(message, " to ")
	} else {
		r.pullMessage = readPullMessage(message)
		r.node = cmp.Or(e.Source.Host, e.DeprecatedSource.Host)
		if r.node == "" && cmp.Or(e.ReportingComponent, e.ReportingController) == "kubelet" {
			r.node = e.ReportingInstance
		}
	}
	if !objectName.MatchString(r.node) {
		r.node = ""
	}
	if r.step == noStep || !objectName.MatchString(about.Name) || !objectName.MatchString(r.pod.namespace) {
		return nil
	}
	r.container = containerIn(about.FieldPath)
	r.first, r.last, r.exact = e.times(meta)
	r.count = e.often()
	if skew := skewOf(meta.CreationTimestamp, r.first, r.last); skew != 0 {
		r.first, r.last, r.skewed = r.first.Add(-skew), r.last.Add(-skew), true
	}
	r.exact = r.exact && r.count == 1 && !r.skewed
	if r.folded {
		// Container and first time are those of the first message that it bore.
		r.container, r.first = "", r.last
	}
	r.event = keyOf(meta.id(), "")
	r.version, _ = strconv.ParseUint(meta.ResourceVersion, 10, 64)
	return r
}

// clockSlack is how far an event's time may be from when the API server took it.
// Senders try for two minutes.
const clockSlack = 5 * time.Minute

// skewOf is how far a sender's clock is ahead, where that is more than slack: no event
// happens first after it was created, nor last before.
func skewOf(created, first, last time.Time) time.Duration {
	switch {
	case !isUsable(created) || last.IsZero():
	case first.Sub(created) > clockSlack:
		return first.Sub(created)
	case created.Sub(last) > clockSlack:
		return last.Sub(created)
	}
	return 0
}

// often is how often it happened.
func (e *event) often() int { return max(1, e.Count, e.DeprecatedCount, e.Series.Count) }

func (e *event) about() eventObject {
	if e.InvolvedObject.Kind != "" {
		return e.InvolvedObject
	}
	return e.Regarding
}

// times are when it happened first and last; exact where that is known to more
// than the second.
func (e *event) times(meta *metadata) (first, last time.Time, exact bool) {
	first = firstTime(e.FirstTimestamp, e.DeprecatedFirstTimestamp, e.EventTime, meta.CreationTimestamp)
	last = firstTime(e.Series.LastObservedTime, e.LastTimestamp, e.DeprecatedLastTimestamp, e.EventTime, first)
	if first.IsZero() || last.Before(first) {
		first = last
	}
	exact = isUsable(e.EventTime) && last.Equal(e.EventTime)
	return first, last, exact
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if isUsable(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// isUsable is false for no time, and for one that no cluster had yet.
func isUsable(t time.Time) bool { return isTime(t) && t.Year() < 2200 }

// containerIn is the container in "spec.containers{web}".
func containerIn(fieldPath string) string {
	_, name, ok := strings.Cut(fieldPath, "{")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(name, "}")
}

// key is the same for one event in all snapshots, while its message is.
func (e *event) key(meta *metadata) eventKey { return keyOf(meta.id(), e.Message+e.Note) }

// id is the same for one object in all snapshots.
func (m *metadata) id() string { return cmp.Or(m.UID, m.Namespace+"/"+m.Name) }

func keyOf(id, message string) eventKey {
	sum := sha256.Sum256([]byte(id + "\x00" + message))
	return eventKey(sum[:16])
}

// newer is whichever of two records of an event tells more; the same whatever
// their order.
func (r *eventRecord) newer(other *eventRecord) *eventRecord {
	if other == nil || r.compare(other) >= 0 {
		return r
	}
	return other
}

// compare orders records of an event by how much they tell.
func (r *eventRecord) compare(other *eventRecord) int {
	return cmp.Or(
		cmp.Compare(r.count, other.count), r.last.Compare(other.last), cmp.Compare(r.version, other.version),
		r.first.Compare(other.first), cmp.Compare(r.node, other.node), cmp.Compare(r.container, other.container),
		cmp.Compare(r.pod.uid, other.pod.uid), cmp.Compare(r.pod.namespace, other.pod.namespace), cmp.Compare(r.pod.name, other.pod.name),
		cmp.Compare(r.step, other.step), cmp.Compare(r.reference, other.reference), compareTimes(r.took, other.took),
	)
}

// unfolded returns the events with counts of their own. One that client-go put
// together bears one message after the other, of which each look sees one: their
// counts add up to its count at the newest look.
func unfolded(events map[eventKey]*eventRecord) []*eventRecord {
	newest := map[eventKey]*eventRecord{}
	messages := map[eventKey]int{}
	for _, r := range events {
		if r.folded {
			newest[r.event] = r.newer(newest[r.event])
			messages[r.event]++
		}
	}
	all := make([]*eventRecord, 0, len(events))
	for _, r := range events {
		if r.folded {
			own := *r
			own.count = 1
			if r == newest[r.event] {
				own.count = max(1, r.count-messages[r.event]+1)
			}
			r = &own
		}
		all = append(all, r)
	}
	return all
}
