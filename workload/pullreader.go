package workload

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// howToPulls ends the errors on input from which no pulls are read.
const howToPulls = "write it with: kubectl get pods,events,nodes -A -o json"

// A PullImporter reads what a cluster tells of its pulls: pods and events, and
// nodes if they are there, as "kubectl get pods,events,nodes -A -o json" prints
// them: in lists or one by one, of v1 or events.k8s.io/v1, also in the notices of a
// watch. Its zero value has read nothing.
//
// Several snapshots are one history: an event that stands in more than one counts
// once, with its newest count, and of a pod all is kept that any look at it told.
// Their order does not matter. What is held grows with the pods and their pulls,
// not with the text.
type PullImporter struct {
	pods   map[string]*pullPod // by pod.key
	events map[eventKey]*eventRecord
	nodes  map[string]*nodeRecord
	names  map[string]string // texts that stand again and again, held once
	// looks are the snapshots: each list, and what stands outside of lists in each
	// input.
	looks  map[look]*lookRecord
	inputs int
	// counts are of items: events, as often as they stand in snapshots, and other items.
	eventCount, others int
	nothing            int // pods without name or image
	untimed            int // events about pulls without a time
	jobs               jobOwners
	// series are those of the Jobs of an Importer, which knows more of them; nil: those of
	// the pods.
	series seriesOf
}

// Read reads the objects of an input, called name in errors. Errors are a
// *document.Error where the input is to blame.
func (i *PullImporter) Read(name string, r io.Reader) error {
	i.begin()
	d := &objectReader{name: name, take: i.add, events: true}
	err := d.read(r)
	var fault *document.Error
	if errors.As(err, &fault) {
		told := *fault
		told.Message = strings.Replace(told.Message, howTo, howToPulls, 1)
		return &told
	}
	return err
}

// begin begins an input.
func (i *PullImporter) begin() {
	if i.pods == nil {
		i.pods, i.events, i.nodes = map[string]*pullPod{}, map[eventKey]*eventRecord{}, map[string]*nodeRecord{}
		i.names, i.looks = map[string]string{}, map[look]*lookRecord{}
	}
	i.inputs++
}

func (i *PullImporter) add(o *object) error {
	switch {
	case o.isEvent():
		return i.addEvent(o)
	case o.kind == "Node":
		return i.addNode(o)
	case o.kind == "Pod" || o.kind == "":
		return i.addPod(o)
	default:
		var meta metadata
		if o.decode("metadata", o.metadata, &meta) == nil {
			i.looks[i.lookOf(o)].stamp(meta.CreationTimestamp)
			if o.kind == "Job" {
				i.jobs.note(o, &meta)
			}
		}
	}
	i.others++
	return nil
}

func (i *PullImporter) addNode(o *object) error {
	n, err := o.nodeRecord()
	if err != nil || n == nil {
		return err
	}
	at := i.lookOf(o)
	l := i.looks[at]
	l.nodes = true
	l.stamp(n.created)
	if at.list > 0 && isUsable(n.heartbeat) {
		l.heartbeats, l.sorted = append(l.heartbeats, n.heartbeat.UTC()), false
	}
	n.looks = []look{at}
	for _, image := range n.images {
		for k, name := range image.Names {
			image.Names[k] = i.held(name)
		}
	}
	if old := i.nodes[n.name]; old != nil {
		n = old.merge(n)
	}
	i.nodes[n.name] = n
	return nil
}

func (i *PullImporter) addPod(o *object) error {
	p, err := o.pod()
	if err != nil {
		return err
	}
	if p == nil {
		i.others++
		return nil
	}
	r, err := p.record()
	switch {
	case errors.Is(err, errNothing):
		i.nothing++
		return nil
	case err != nil:
		return o.fault(o.line, "%w", err)
	}
	h := sha256.New()
	for _, part := range []part{o.metadata, o.spec, o.status} {
		h.Write(part.raw)
	}
	k := newPullPod(p, r, [8]byte(h.Sum(nil)[:8]))
	k.node, k.in = i.held(k.node), i.lookOf(o)
	l := i.looks[k.in]
	l.pods = true
	l.stamp(r.created)
	l.tell(r.latest)
	if old := i.pods[p.key()]; old != nil {
		if old.in != k.in {
			old.close(i.looks[old.in].taken())
		}
		at := k.in
		k = old.merge(k)
		k.in = at
	}
	i.pods[p.key()] = k
	return nil
}

func (i *PullImporter) addEvent(o *object) error {
	e, err := o.decodeEvent()
	if err != nil {
		return err
	}
	var meta metadata
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return err
	}
	i.eventCount++
	_, last, _ := e.times(&meta)
	i.looks[i.lookOf(o)].addEvent(meta.CreationTimestamp, last, e.often())
	r := e.record(&meta)
	switch {
	case r == nil:
		return nil
	case r.last.IsZero():
		i.untimed++
		return nil
	}
	r.node, r.container, r.reference = i.held(r.node), i.held(r.container), i.held(r.reference)
	r.pod = podKey{i.held(r.pod.uid), i.held(r.pod.namespace), i.held(r.pod.name)}
	key := e.key(&meta)
	if old := i.events[key]; old != nil {
		r = r.newer(old)
	}
	i.events[key] = r
	return nil
}

// pullEvents counts the events about pulls that are held, each once, however many
// snapshots it stands in and however many messages it bore.
func (i *PullImporter) pullEvents() int {
	ids := map[eventKey]bool{}
	for _, r := range i.events {
		if r.step != stepScheduled {
			ids[r.event] = true
		}
	}
	return len(ids)
}

// lookOf is the snapshot that an object stands in, which is in looks then.
func (i *PullImporter) lookOf(o *object) look {
	at := look{i.inputs, o.list}
	if i.looks[at] == nil {
		i.looks[at] = &lookRecord{}
	}
	return at
}

func (i *PullImporter) held(text string) string {
	if old, ok := i.names[text]; ok {
		return old
	}
	i.names[text] = text
	return text
}

// key is the one under which a pod of that name stands in pods.
func (k podKey) key() string { return cmp.Or(k.uid, k.namespace+"/"+k.name) }
