package calibrate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// twice holds what was read, to tell what stands in several files: a copy of a timeline,
// or an earlier state of one whose experiment was gone on with. What is counted twice
// would look as if it were measured again, with no noise between. Within one file nothing
// is taken for another: a void run is made again under the same name.
type twice struct {
	void  map[voidKey]string
	pulls map[pullKey][]pullSeen
	// runs and pulled are how many stand in another file as well, files those files.
	runs, pulled int
	files        []string
}

type voidKey struct {
	host, arm, why string
	repeat         int
	at             time.Time
}

// pullKey tells pulls apart that begin within a few seconds: what they took is known to
// the millisecond or better.
type pullKey struct {
	node, app, image, void string
	took                   time.Duration
}

type pullSeen struct {
	at   time.Time
	file string
}

func newTwice() twice {
	return twice{void: make(map[voidKey]string), pulls: make(map[pullKey][]pullSeen)}
}

// in notes two files that hold the same.
func (t *twice) in(files ...string) {
	for _, f := range files {
		if !slices.Contains(t.files, f) {
			t.files = append(t.files, f)
		}
	}
}

// isVoidAgain says whether a void run was read in another file.
func (t *twice) isVoidAgain(host, file string, r *simulate.MeasuredRun) bool {
	k := voidKey{host, r.Arm, r.Void, r.Repeat, r.At.UTC()}
	first, known := t.void[k]
	if !known {
		t.void[k] = file
	}
	if !known || first == file {
		return false
	}
	t.runs++
	t.in(first, file)
	return true
}

// isRunAgain says whether a run stands among those of its conditions that were read in
// another file.
func (t *twice) isRunAgain(c *cell, r *run) bool {
	for i := range c.runs {
		if was := &c.runs[i]; was.file != r.file && was.same(r) {
			t.runs++
			t.in(was.file, r.file)
			return true
		}
	}
	return false
}

// same says whether two runs in the same conditions are one: no two take the same time
// to the nanosecond in every start.
func (r *run) same(other *run) bool {
	return r.startups[0].Repeat == other.startups[0].Repeat && r.at.Equal(other.at) &&
		slices.EqualFunc(r.startups, other.startups, func(x, y *simulate.Startup) bool {
			return x.Ready == y.Ready && x.FetchBusy == y.FetchBusy && x.UnpackBusy == y.UnpackBusy && x.FetchedBytes == y.FetchedBytes
		})
}

// originSlack is by how much the times of one pull differ in two timelines at most, whose
// origins are written in whole seconds.
const originSlack = 2 * time.Second

// isPullAgain says whether a startup of a cluster's timeline was read in another file.
func (t *twice) isPullAgain(file string, origin time.Time, s *simulate.Startup) bool {
	k := pullKey{s.Node, s.App, strings.Join(s.Images, " "), s.Void, s.Ready}
	at := origin.Add(s.Requested)
	for _, was := range t.pulls[k] {
		if was.file != file && was.at.Sub(at).Abs() < originSlack {
			t.pulled++
			t.in(was.file, file)
			return true
		}
	}
	t.pulls[k] = append(t.pulls[k], pullSeen{at, file})
	return false
}

// originOf is the time from which a cluster's startups are counted; zero where it is not
// told.
func originOf(m *simulate.Measurement) time.Time {
	at, err := time.Parse(time.RFC3339, factOf(m, "origin"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// doubt says what stood in several files; empty where nothing did.
func (t *twice) doubt() string {
	slices.Sort(t.files)
	files := strings.Join(t.files, " and ")
	if n := len(t.files); n > 2 {
		files = strings.Join(t.files[:n-1], ", ") + " and " + t.files[n-1]
	}
	switch {
	case t.runs == 1:
		return fmt.Sprintf("1 run stands in several of %s and counts once: name only the newest timeline of an experiment.", files)
	case t.runs > 0:
		return fmt.Sprintf("%d runs stand in several of %s and count once: name only the newest timeline of an experiment.", t.runs, files)
	case t.pulled > 0:
		return fmt.Sprintf("%d pulls, or starts that found their image, stand in several of %s and count once: give all snapshots to one workload import.", t.pulled, files)
	}
	return ""
}
