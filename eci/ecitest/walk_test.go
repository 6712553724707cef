package ecitest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/matcher"
)

// What may follow a status, seen after every step (eci §1.3, §3.1).
var follows = map[string]string{
	"":             "Preparing Creating Scheduling",
	"Preparing":    "Preparing Creating Ready Failed",
	"Creating":     "Creating Ready Failed",
	"Ready":        "Ready Updating",
	"Updating":     "Updating Ready UpdateFailed",
	"UpdateFailed": "UpdateFailed Updating",
	"Failed":       "Failed",

	"Scheduling":     "Scheduling Pending Running Succeeded Failed ScheduleFailed Terminating",
	"Pending":        "Pending Running Succeeded Failed Terminating",
	"Running":        "Running Succeeded Failed Terminating",
	"Succeeded":      "Succeeded",
	"ScheduleFailed": "ScheduleFailed",
	"Terminating":    "Terminating",
}

// walker keeps what it saw of each cache and group.
type walker struct {
	*testing.T
	s      *ecitest.Server
	c      *client
	random *rand.Rand
	status map[string]string
	events map[string][]string
	images []string
}

// TestWalk does random things at random times and looks after each: statuses follow
// each other as documented, events are never of the future and only grow, quotas hold,
// and usage counts what is listed.
func TestWalk(t *testing.T) {
	for seed := range uint64(8) {
		policy := matcher.DefaultPolicy()
		policy.ManualQuota, policy.AutomaticQuota = 4, 3
		var lines []string
		w := &walker{T: t, random: rand.New(rand.NewPCG(seed, 11)), status: make(map[string]string), events: make(map[string][]string)}
		for i := range 6 {
			lines = append(lines, fmt.Sprintf("image%d:1 base:50 layer%d:%d", i, i, 10+40*i))
			w.images = append(w.images, fmt.Sprintf("image%d:1", i))
		}
		w.images = append(w.images, "nowhere:1")
		w.s, w.c = serve(t, ecitest.Options{Seed: seed, Profile: plainProfile(), Inventory: inventory(t, lines...), Policy: &policy, Faults: ecitest.Faults{Rules: []ecitest.Fault{
			{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Fraction: 0.1}, {Action: "UpdateImageCache", Kind: ecitest.FaultFailed, Fraction: 0.3},
			{Action: "CreateContainerGroup", Kind: ecitest.FaultScheduleFailed, Fraction: 0.1},
		}}})
		for range 50 {
			w.step()
			w.look()
		}
	}
}

// step does something that may be refused.
func (w *walker) step() {
	r := w.random
	caches, groups := w.s.Caches(), w.s.Groups()
	images := some(r, w.images, 3)
	switch what := r.IntN(10); {
	case what < 2:
		w.c.try("CreateImageCache", append(cacheParameters("walk", images), "Flash", fmt.Sprint(r.IntN(2) == 0), "EliminationStrategy", []string{"", "LRU"}[r.IntN(2)])...)
	case what < 5:
		w.c.try("CreateContainerGroup", append(groupParameters("walk", images), "AutoMatchImageCache", fmt.Sprint(r.IntN(3) > 0), "RestartPolicy",
			[]string{"Always", "Never", "OnFailure"}[r.IntN(3)], "Container.1.Command.1", []string{"", "sleep 20", "false"}[r.IntN(3)])...)
	case what == 5 && len(caches) > 0:
		w.c.try("UpdateImageCache", append(cacheParameters("walk", images), "ImageCacheId", caches[r.IntN(len(caches))].ID)...)
	case what == 6 && len(caches) > 0 && r.IntN(3) == 0:
		w.c.try("DeleteImageCache", "ImageCacheId", caches[r.IntN(len(caches))].ID)
	case what == 7 && len(groups) > 0:
		w.c.try("DeleteContainerGroup", "ContainerGroupId", groups[r.IntN(len(groups))].ID)
	default:
		w.s.Advance(time.Duration(r.ExpFloat64() * float64(40*time.Second)))
	}
}

// look compares what there is with what there was.
func (w *walker) look() {
	w.Helper()
	now := w.s.Now()
	kinds := map[bool]int{}
	for _, cache := range w.s.Caches() {
		kinds[cache.Automatic]++
	}
	usage := w.c.do("ListUsage")
	if kinds[false] > 4 || kinds[true] > 3 || usage.text("Attributes.UsedImageCacheCount") != fmt.Sprint(kinds[false]) || usage.text("Attributes.UsedAutoImageCacheCount") != fmt.Sprint(kinds[true]) {
		w.Errorf("%v caches, of which automatic: %v; usage %s", now, kinds, usage.raw)
	}
	for _, row := range w.c.do("DescribeImageCaches", "Limit", "100").list("ImageCaches") {
		w.saw(fmt.Sprint(at(row, "ImageCacheId")), row, now)
		status, regular, local := at(row, "Status"), at(row, "SnapshotId"), at(row, "FlashSnapshotId")
		if status == "Ready" && (regular == "") == (local == "") || (status == "Preparing" || status == "Creating" || status == "Failed") && (regular != "" || local != "") {
			w.Errorf("%v with snapshots %q and %q", status, regular, local)
		}
	}
	for token := ""; ; {
		r := w.c.do("DescribeContainerGroups", "WithEvent", "true", "NextToken", token)
		for _, row := range r.list("ContainerGroups") {
			if !strings.HasPrefix(fmt.Sprint(at(row, "ContainerGroupName")), "helper-of-") {
				w.saw(fmt.Sprint(at(row, "ContainerGroupId")), row, now)
			}
		}
		if token = r.text("NextToken"); token == "" {
			return
		}
	}
}

// saw compares a row with the one before it.
func (w *walker) saw(id string, row any, now time.Time) {
	w.Helper()
	status := fmt.Sprint(at(row, "Status"))
	if before := w.status[id]; !slices.Contains(strings.Fields(follows[before]), status) {
		w.Errorf("%s is %s after %q", id, status, before)
	}
	w.status[id] = status
	list, _ := at(row, "Events").([]any)
	var events []string
	for _, e := range list {
		events = append(events, fmt.Sprint(e))
		if when, err := time.Parse(time.RFC3339, fmt.Sprint(at(e, "LastTimestamp"))); err != nil || when.After(now) {
			w.Errorf("%s has an event of %v at %v", id, when, now)
		}
	}
	if before := w.events[id]; len(events) < 50 && (len(events) < len(before) || !slices.Equal(events[:len(before)], before)) {
		w.Errorf("%s has events\n%s\nbefore\n%s", id, strings.Join(events, "\n"), strings.Join(before, "\n"))
	}
	w.events[id] = events
}
