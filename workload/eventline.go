package workload

import (
	"bytes"
	"time"
)

// A lineEvent is what is read of an Event that stands in a line of a history. Its texts
// hold until the next line is read.
type lineEvent struct {
	// kind to field are of the object that it is about.
	kind, namespace, name, uid, field []byte
	reason, message, host             []byte
	// whole is the text of the Event.
	whole []byte
	// first and last are when it happened, in seconds since 1970; 0 where no time is told.
	first, last int64
	// sent is when it was sent first, in nanoseconds, as its name tells; 0 is unknown.
	sent uint64
}

// wrappers are the keys under which exports have an event, as an object or as its text:
// kube-eventer's log-service sink, its Kafka sink, watches, log services that keep lines,
// and dumps of Elasticsearch.
var wrappers = []string{"eventId", "EventValue", "object", "event", "content", "_source"}

// maxWrapped bounds how often an event is looked for in another text.
const maxWrapped = 4

// A lineReading says what a line was.
type lineReading int

const (
	lineBroken lineReading = iota // no JSON object
	lineOther                     // no event
	lineOfEvent
)

// readEventLine reads a line of JSON. An event may stand in another object.
func readEventLine(j *jsonText, line []byte, e *lineEvent) lineReading {
	j.reset()
	return readWrapped(j, line, e, 0)
}

func readWrapped(j *jsonText, text []byte, e *lineEvent, depth int) lineReading {
	*e = lineEvent{whole: text}
	var wrapped []byte
	var micro, series, created int64
	isEvent := false
	about := func(value []byte) bool {
		isEvent = true
		return j.object(value, func(key, value []byte) bool {
			switch string(key) {
			case "kind":
				e.kind = j.text(value)
			case "namespace":
				e.namespace = j.text(value)
			case "name":
				e.name = j.text(value)
			case "uid":
				e.uid = j.text(value)
			case "fieldPath":
				e.field = j.text(value)
			}
			return true
		})
	}
	component, instance, note := []byte(nil), []byte(nil), []byte(nil)
	ok := j.object(text, func(key, value []byte) bool {
		switch string(key) {
		case "involvedObject", "regarding":
			return about(value)
		case "reason":
			e.reason = j.text(value)
		case "message":
			e.message = j.text(value)
		case "note":
			note = j.text(value)
		case "source", "deprecatedSource":
			if value[0] != '{' { // of another kind of object, or null
				return true
			}
			return j.object(value, func(key, value []byte) bool {
				if host := j.text(value); string(key) == "host" && len(host) > 0 {
					e.host = host
				}
				return true
			})
		case "reportingComponent", "reportingController":
			if c := j.text(value); len(c) > 0 {
				component = c
			}
		case "reportingInstance":
			instance = j.text(value)
		case "firstTimestamp", "deprecatedFirstTimestamp":
			e.first = max(e.first, unixSeconds(j.text(value)))
		case "lastTimestamp", "deprecatedLastTimestamp":
			e.last = max(e.last, unixSeconds(j.text(value)))
		case "eventTime":
			micro = unixSeconds(j.text(value))
		case "series":
			if value[0] != '{' {
				return true
			}
			return j.object(value, func(key, value []byte) bool {
				if string(key) == "lastObservedTime" {
					series = unixSeconds(j.text(value))
				}
				return true
			})
		case "metadata":
			if value[0] != '{' {
				return true
			}
			return j.object(value, func(key, value []byte) bool {
				switch string(key) {
				case "creationTimestamp":
					created = unixSeconds(j.text(value))
				case "name":
					e.sent = sentAt(j.text(value))
				}
				return true
			})
		default:
			for _, w := range wrappers {
				if string(key) == w && (value[0] == '{' || value[0] == '"') {
					wrapped = value
				}
			}
		}
		return true
	})
	switch {
	case !ok:
		return lineBroken
	case isEvent:
		e.finish(note, component, instance, micro, series, created)
		return lineOfEvent
	case len(wrapped) == 0 || depth == maxWrapped:
		return lineOther
	case wrapped[0] == '"':
		wrapped = bytes.TrimSpace(j.text(wrapped))
		if len(wrapped) == 0 || wrapped[0] != '{' {
			return lineOther
		}
	}
	return readWrapped(j, wrapped, e, depth+1)
}

// finish takes what stands for what is missing, as event.times does.
func (e *lineEvent) finish(note, component, instance []byte, micro, series, created int64) {
	if len(e.message) == 0 {
		e.message = note
	}
	if len(e.host) == 0 && string(component) == "kubelet" {
		e.host = instance
	}
	for _, t := range []int64{micro, created} {
		if e.first == 0 {
			e.first = t
		}
	}
	for _, t := range []int64{micro, e.first} {
		if e.last == 0 {
			e.last = t
		}
	}
	if series > 0 {
		e.last = series
	}
	if e.first == 0 || e.last < e.first {
		e.first = e.last
	}
}

// lastUsable is the last second of a time that clusters had, see isUsable.
var lastUsable = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - 1

// unixSeconds reads a time of RFC 3339; 0 is none.
func unixSeconds(text []byte) int64 {
	if t, ok := plainTime(text); ok {
		return t
	}
	if len(text) == 0 {
		return 0
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || !isUsable(t) {
		return 0
	}
	return t.Unix()
}

// plainTime reads 2026-11-20T10:00:00Z, as nearly all times are written.
func plainTime(text []byte) (int64, bool) {
	if len(text) != len("2026-11-20T10:00:00Z") || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z' {
		return 0, false
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range text[from:to] {
			if c < '0' || c > '9' {
				return -1
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if year < 1971 || month < 1 || month > 12 || day < 1 || day > 28 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false // what is left, such as the 31st, is for the library
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix()
	return at, at <= lastUsable
}

// isInit tells the containers that run before the others by the field of an event.
func isInit(field []byte) bool { return bytes.HasPrefix(field, []byte("spec.initContainers{")) }

// after is what follows a prefix of a message, up to its first space.
func after(message []byte, prefix string) []byte {
	rest, ok := bytes.CutPrefix(message, []byte(prefix))
	if !ok {
		return nil
	}
	if end := bytes.IndexByte(rest, ' '); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// nodeIn is the node in "Successfully assigned shop/web-1 to node-7".
func nodeIn(message []byte) []byte {
	at := bytes.LastIndex(message, []byte(" to "))
	if at < 0 {
		return nil
	}
	return message[at+len(" to "):]
}

// guessedApp is the name of a pod's controller as its own tells it: behind the random
// ends are a Deployment's, a CronJob's or a Job's.
func guessedApp(namespace, pod string) string {
	parent, end, ok := cutLast(pod)
	if !ok || !randomEnd.MatchString(end) {
		return namespace + "/" + pod
	}
	return namespace + "/" + rootOf("", parent)
}

// rootOf is what stands behind a controller by its name: the Deployment of a
// ReplicaSet, the CronJob of a Job. The kind is empty where unknown.
func rootOf(kind, name string) string {
	if kind == "" || kind == "Job" {
		if at, cronJob := scheduled(name); !at.IsZero() {
			return cronJob
		}
	}
	if kind == "" || kind == "ReplicaSet" {
		if deployment, hash, ok := cutLast(name); ok && templateHash.MatchString(hash) {
			return deployment
		}
	}
	return name
}

// rootKind is the kind of what stands behind a controller.
func rootKind(kind, name string) string {
	switch root := rootOf(kind, name); {
	case root == name:
		return kind
	case kind == "ReplicaSet":
		return "Deployment"
	case kind == "Job":
		return "CronJob"
	}
	return kind
}
