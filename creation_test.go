package cachebench

import (
	"math"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// createdOf asks job for a new cache of the images of all its apps, with a cache
// of a:1 there.
func createdOf(t *testing.T, job *Job) matcher.CreatedCache {
	t.Helper()
	job.Scenario.Caches = []matcher.Cache{{
		ID: "base", Images: []string{"r.example/a:1"}, SizeGiB: 20, Status: matcher.StatusReady, CreationTime: job.Scenario.Now.Add(-time.Hour),
	}}
	creation, err := job.Create(40)
	if err != nil {
		t.Fatal(err)
	}
	return creation.Caches[0]
}

// creationJob has the images a, b and c of scoredJob, on a profile with a snapshot
// of 100 s, or 10 s with Flash.
func creationJob(t *testing.T) *Job {
	t.Helper()
	job := scoredJob(t, true, []int{0, 1}, []int{0, 2}, []int{3})
	job.Scenario.Profile.Start.Provision.Value = time.Second
	job.Scenario.Profile.Cache.Build.Value = 100 * time.Second
	job.Scenario.Profile.Cache.Flash.Value = 10 * time.Second
	price := func(v float64) *float64 { return &v }
	job.Scenario.Prices = cost.Book{Currency: "USD", VCPUSecond: price(1), MemoryGiBSecond: price(0.1), DiskGiBHour: price(36)}
	return job
}

// TestCreationVariants: what is known of the four variants without a simulator:
// Flash spares the 90 s between the two snapshots and nothing of the pull; reuse
// spares a part of the pull and nothing of the snapshot (eci §1.7, §6 #12); a pull
// is no faster than the link lets the bytes through; and the helper's bill is that
// of eci §5.3 until the regular snapshot is there, with Flash too.
func TestCreationVariants(t *testing.T) {
	job := creationJob(t)
	created := createdOf(t, job)
	until := make(map[[2]bool]float64)
	for _, v := range created.Times {
		until[[2]bool{v.Reuse, v.Flash}] = v.Until.Seconds()
		regular := v.Until.Seconds()
		if v.Flash {
			regular += 90
		}
		// 2 vCPU at 1, 4 GiB at 0.1, 40 GiB of disk at 36 an hour, a second.
		if want := regular * (2*1 + 4*0.1 + 40*36/3600.); math.Abs(v.Cost.Amount-want) > 1e-6*want {
			t.Errorf("reuse %v, Flash %v: costs %v, want %v", v.Reuse, v.Flash, v.Cost.Amount, want)
		}
	}
	for _, reuse := range []bool{false, true} {
		if d := until[[2]bool{reuse, false}] - until[[2]bool{reuse, true}]; math.Abs(d-90) > 1e-6 {
			t.Errorf("reuse %v: Flash spares %v s, want 90", reuse, d)
		}
	}
	// All images have 150 MB compressed; a's layers, of 30 MB, are reused.
	link := float64(job.Scenario.Profile.Network.Node.Value)
	cold, reused := until[[2]bool{false, false}]-101, until[[2]bool{true, false}]-101
	if created.Overlap.ByDigest.PresentBytes != 30e6 || cold < 150e6/link || reused < 120e6/link || reused >= cold {
		t.Errorf("pulls of %v s, with reuse %v s, of %+v", cold, reused, created.Overlap)
	}
}

// TestCreationAgreesWithBuild: without reuse and Flash a creation takes what the
// planner is told that a build takes.
func TestCreationAgreesWithBuild(t *testing.T) {
	job := creationJob(t)
	created := createdOf(t, job)
	e, err := job.newEstimates()
	if err != nil {
		t.Fatal(err)
	}
	if want := e.buildTime(created.Images, 40); *created.Times[0].Until != want {
		t.Errorf("a creation takes %v, a build %v", *created.Times[0].Until, want)
	}
}

// TestCreationUnknown: a profile that states no flashSeconds says nothing about
// Flash, not that it takes no time; a book without a disk price leaves the time.
func TestCreationUnknown(t *testing.T) {
	job := creationJob(t)
	job.Scenario.Profile.Cache.Flash = simulate.Parameter[time.Duration]{}
	for _, v := range createdOf(t, job).Times {
		if (v.Until == nil) != v.Flash || (v.Cost == nil) != v.Flash {
			t.Errorf("reuse %v, Flash %v: %v, %v", v.Reuse, v.Flash, v.Until, v.Cost)
		}
	}
	job = creationJob(t)
	job.Scenario.Prices.DiskGiBHour = nil
	for _, v := range createdOf(t, job).Times {
		if v.Until == nil || v.Cost != nil {
			t.Errorf("without a disk price: %v, %v", v.Until, v.Cost)
		}
	}
}

// TestCreationFlashSurcharge: a price of instant access is paid for the cache's
// size from when the local snapshot is there until the regular one is (eci §1.7).
func TestCreationFlashSurcharge(t *testing.T) {
	free := createdOf(t, creationJob(t))
	job := creationJob(t)
	access := 2.0
	job.Scenario.Prices.InstantAccessGiBHour = &access
	for i, v := range createdOf(t, job).Times {
		want := 0.0
		if v.Flash {
			want = 2 * 40 * 90 / 3600. // 90 s between the two snapshots
		}
		if got := v.Cost.Amount - free.Times[i].Cost.Amount; math.Abs(got-want) > 1e-6 {
			t.Errorf("reuse %v, Flash %v: %v more, want %v", v.Reuse, v.Flash, got, want)
		}
	}
}
