package simulate

import "time"

// recorders note what the start that is explained does, and what the others do that
// are on its node: where it waits for a pull of theirs, that pull's own critical path
// says what held both up. All methods may be called on nil, which records nothing.
type recorders struct {
	e *engine
	// start is the place in the input of the one that is explained, node the name of
	// its node, empty where it is on an instance of its own.
	start int
	node  string
	// by are the recorders of startups under way, list the same.
	by   map[int32]*recorder
	list []*recorder
	// event numbers what happens. The first recorded start that does something then is
	// what lets the others go on: acting, by its activity cause.
	event  uint64
	acting *recorder
	cause  int32
	// explained is that of the start in question, since it was requested; followed
	// counts the others since then.
	explained *recorder
	followed  int
}

// mostFollowed bounds the starts beside the one in question whose activities are kept.
const mostFollowed = 10_000

// nobody acts where what happens is of no start that is recorded.
var nobody = &recorder{}

func newRecorders(e *engine, start int, node string) *recorders {
	return &recorders{e: e, start: start, node: node, by: make(map[int32]*recorder)}
}

// happens begins an event.
func (rs *recorders) happens() {
	if rs != nil {
		rs.event++
		rs.acting = nil
	}
}

// of is the recorder of a startup, nil where it has none.
func (rs *recorders) of(id int32) *recorder {
	if rs == nil {
		return nil
	}
	r := rs.by[id]
	if r != nil && r.event != rs.event {
		r.event, r.cause = rs.event, foreign
	}
	return r
}

// acted notes that a start has done something, and why.
func (rs *recorders) acted(r *recorder) {
	if r != nil && rs.acting == nil && r.cause != foreign {
		rs.acting, rs.cause = r, r.cause
	}
}

// releasing is what lets a start go on that has waited for others; nil where it is not
// known.
func (rs *recorders) releasing(waited *recorder) (*recorder, int32) {
	switch rs.acting {
	case nil:
		rs.acting = nobody
		fallthrough
	case nobody, waited:
		return nil, none
	}
	return rs.acting, rs.cause
}

// requested begins the recording of a start where it is the one in question, or on its
// node.
func (rs *recorders) requested(index int, id int32, node string) {
	if rs == nil || index != rs.start && (rs.node == "" || node != rs.node || rs.followed >= mostFollowed) {
		return
	}
	r := &recorder{
		e: rs.e, all: rs, id: id, class: rs.e.templates.At(rs.e.startups.At(id).template).class,
		cause: atRequest, event: rs.event, pulls: make(map[int32]*pullRecord), open: make(map[activityKey]int32), at: len(rs.list),
	}
	rs.by[id], rs.list = r, append(rs.list, r)
	if index == rs.start {
		rs.explained = r
	} else if rs.explained != nil {
		rs.followed++
	}
}

// leaves ends the recording of a startup that is ready or void. What it did before the
// one in question was requested is of no use.
func (rs *recorders) leaves(id int32) {
	if rs == nil || rs.by[id] == nil {
		return
	}
	r := rs.by[id]
	delete(rs.by, id)
	last := rs.list[len(rs.list)-1]
	rs.list[r.at], last.at = last, r.at
	rs.list = rs.list[:len(rs.list)-1]
	r.pulls, r.open, r.id = nil, nil, none
	if rs.explained == nil {
		r.acts = nil
	}
}

// finishes follows the activities of the start in question back from ready to its
// request.
func (rs *recorders) finishes(id int32, s *startup) error {
	if r := rs.of(id); r != nil && r == rs.explained {
		return r.finishes(s)
	}
	return nil
}

// poll notes what holds the transfers and unpacks under way from now on.
func (rs *recorders) poll() {
	if rs != nil {
		for _, r := range rs.list {
			r.poll()
		}
	}
}

func (rs *recorders) phaseBegins(id int32) { rs.of(id).phaseBegins(id) }

func (rs *recorders) splits(id int32, d time.Duration, by Cause) { rs.of(id).splits(id, d, by) }

func (rs *recorders) phaseEnds(id int32, kind eventKind) {
	r := rs.of(id)
	r.phaseEnds(id, kind)
	rs.acted(r)
}

func (rs *recorders) nodeLost(id int32) {
	r := rs.of(id)
	r.nodeLost(id)
	rs.acted(r)
}

func (rs *recorders) reads(id int32) { rs.of(id).reads(id) }

func (rs *recorders) readEnds(id int32) {
	r := rs.of(id)
	r.readEnds(id)
	rs.acted(r)
}

func (rs *recorders) asks(pid int32, p *pull) { rs.of(p.startup).asks(pid, p) }

func (rs *recorders) turned(pid int32, p *pull) {
	r := rs.of(p.startup)
	r.turned(pid, p)
	rs.acted(r)
}

func (rs *recorders) resolves(pid int32, p *pull) { rs.of(p.startup).resolves(pid, p) }

func (rs *recorders) wantsSlot(pid int32, p *pull) { rs.of(p.startup).wantsSlot(pid, p) }

func (rs *recorders) sends(pid int32, p *pull, fetch int32, begin time.Duration) {
	r := rs.of(p.startup)
	r.sends(pid, p, fetch, begin)
	rs.acted(r)
}

func (rs *recorders) steps(x event, p *pull) {
	r := rs.of(p.startup)
	r.steps(x, p)
	rs.acted(r)
}

func (rs *recorders) delays(pid int32, p *pull, fetch int32, after Failure) {
	rs.of(p.startup).delays(pid, p, fetch, after)
}

func (rs *recorders) backsOff(pid int32, p *pull, until time.Duration, after Failure) {
	r := rs.of(p.startup)
	r.backsOff(pid, p, until, after)
	rs.acted(r)
}

func (rs *recorders) isResolved(pid int32, p *pull) { rs.of(p.startup).isResolved(pid, p) }

func (rs *recorders) claims(pid int32, p *pull) {
	r := rs.of(p.startup)
	r.claims(pid, p)
	rs.acted(r)
}

func (rs *recorders) transfers(pid int32, p *pull, i int) {
	r := rs.of(p.startup)
	r.transfers(pid, p, i)
	rs.acted(r)
}

func (rs *recorders) arrives(pid int32, p *pull, i int) {
	r := rs.of(p.startup)
	r.arrives(pid, p, i)
	rs.acted(r)
}

func (rs *recorders) unpacks(pid int32, p *pull, layer int32, from, to time.Duration) {
	rs.of(p.startup).unpacks(pid, p, layer, from, to)
}

func (rs *recorders) wantsUnpack(pid int32, p *pull) { rs.of(p.startup).wantsUnpack(pid, p) }

func (rs *recorders) adopts(pid int32, p *pull, place int) { rs.of(p.startup).adopts(pid, p, place) }

func (rs *recorders) unpackBegins(pid int32, p *pull, i int) {
	r := rs.of(p.startup)
	r.unpackBegins(pid, p, i)
	rs.acted(r)
}

func (rs *recorders) unpackEnds(pid int32, p *pull, i int) {
	r := rs.of(p.startup)
	r.unpackEnds(pid, p, i)
	rs.acted(r)
}

func (rs *recorders) pullEnds(pid int32, p *pull) {
	r := rs.of(p.startup)
	r.pullEnds(pid, p)
	rs.acted(r)
}

func (rs *recorders) abandons(pid int32, p *pull) {
	r := rs.of(p.startup)
	r.abandons(pid, p)
	rs.acted(r)
}

func (rs *recorders) forgets(pid int32, p *pull) { rs.of(p.startup).forgets(pid) }
