package workload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A testJob is a Job's pod, or the Job itself.
type testJob struct {
	name, image, cpu string
	labels           map[string]string
	owner            string // kind/name of what made the Job
	object           bool
	age              time.Duration
}

var jobsSeen = time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)

func (j testJob) text(t testing.TB) string {
	t.Helper()
	labels := map[string]string{"job-name": j.name, "batch.kubernetes.io/job-name": j.name, "controller-uid": "uid-" + j.name}
	maps.Copy(labels, j.labels)
	spec := map[string]any{"containers": []any{map[string]any{
		"name": "c", "image": j.image, "resources": map[string]any{"requests": map[string]string{"cpu": j.cpu, "memory": "1Gi"}},
	}}}
	meta := map[string]any{"name": j.name + "-x2x2x", "namespace": "ci", "labels": labels, "creationTimestamp": jobsSeen.Add(-j.age).Format(time.RFC3339),
		"ownerReferences": []any{map[string]any{"kind": "Job", "name": j.name, "controller": true}}}
	object := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
	if j.object {
		meta["name"] = j.name
		delete(meta, "ownerReferences")
		if kind, name, ok := strings.Cut(j.owner, "/"); ok {
			meta["ownerReferences"] = []any{map[string]any{"kind": kind, "name": name, "controller": true}}
		}
		object = map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": spec}}}
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func importJobs(t testing.TB, jobs []testJob) *Imported {
	t.Helper()
	var b strings.Builder
	for _, j := range jobs {
		b.WriteString(j.text(t))
	}
	in, err := FromKubernetes("jobs.json", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Jobs of one name but for a generated end are one app, and their starts add up; what differs
// in more than that stays apart.
func TestJobSeries(t *testing.T) {
	many := func(n int, format string, more testJob) []testJob {
		var jobs []testJob
		for i := range n {
			j := more
			j.name, j.age = fmt.Sprintf(format, i), time.Duration(n-i)*time.Minute
			if j.image == "" {
				j.image = "r.example.com/runner:1"
			}
			if j.cpu == "" {
				j.cpu = "1"
			}
			jobs = append(jobs, j)
		}
		return jobs
	}
	own := func(jobs []testJob, labels func(j testJob) map[string]string) []testJob {
		for i := range jobs {
			jobs[i].labels = labels(jobs[i])
		}
		return jobs
	}
	objects := func(jobs []testJob, owner string) []testJob {
		jobs = slices.Clone(jobs)
		for i := range jobs {
			jobs[i].object, jobs[i].owner = true, owner
		}
		return jobs
	}
	for _, test := range []struct {
		name string
		jobs []testJob
		want map[string]float64 // startsPerDay by app
		note string
	}{
		{"random ends", many(80, "runner-b%dx7q", testJob{}), map[string]float64{"ci/runner": 80}, "ci/runner (80 Jobs named runner-…)"},
		{"uuids", many(3, "run-1b4e28ba-2fa1-11d2-883f-0016d3cca42%d", testJob{}), map[string]float64{"ci/run": 3}, "ci/run (3 Jobs"},
		{"one without a digit", append(many(3, "runner-b%dx7q", testJob{}), testJob{name: "runner-abcde", image: "r.example.com/runner:1", cpu: "1", age: time.Hour}),
			map[string]float64{"ci/runner": 4}, "ci/runner (4 Jobs"},
		{"two only", many(2, "runner-b%dx7q", testJob{}), map[string]float64{"ci/runner-b0x7q": 1, "ci/runner-b1x7q": 1}, ""},
		{"words", many(4, "migrate-step%d", testJob{}), map[string]float64{"ci/migrate-step0": 1, "ci/migrate-step1": 1, "ci/migrate-step2": 1, "ci/migrate-step3": 1}, ""},
		{"two images", append(many(3, "runner-b%dx7q", testJob{}), many(4, "runner-c%dx7q", testJob{image: "r.example.com/other:1"})...),
			map[string]float64{"ci/job/runner": 4, "ci/job/runner-2": 3}, "ci/job/runner (4 Jobs named runner-…)"},
		{"sizes", append(many(3, "runner-b%dx7q", testJob{}), many(4, "runner-c%dx7q", testJob{cpu: "2"})...),
			map[string]float64{"ci/job/runner": 3, "ci/job/runner-2": 4}, ""},
		{"own labels", own(many(3, "runner-b%dx7q", testJob{}), func(j testJob) map[string]string { return map[string]string{"run": j.name, "app": "ci"} }), map[string]float64{"ci/runner": 3}, ""},
		{"other labels", own(many(3, "runner-b%dx7q", testJob{}), func(j testJob) map[string]string { return map[string]string{"team": "of " + j.name} }),
			map[string]float64{"ci/runner-b0x7q": 1, "ci/runner-b1x7q": 1, "ci/runner-b2x7q": 1}, "ci/runner-… (3 Jobs)"},
		{"a CronJob's, by its Jobs", append(many(3, "report-b%dx7q", testJob{}), objects(many(3, "report-b%dx7q", testJob{}), "CronJob/nightly")...),
			map[string]float64{"ci/nightly": 3}, ""},
		{"another controller's", append(many(3, "step-b%dx7q", testJob{}), objects(many(3, "step-b%dx7q", testJob{}), "Engine/build")...),
			map[string]float64{"ci/step-b0x7q": 1, "ci/step-b1x7q": 1, "ci/step-b2x7q": 1}, ""},
		{"Jobs and the pods of some", append(many(3, "runner-b%dx7q", testJob{}), objects(many(9, "runner-b%dx7q", testJob{}), "")...),
			map[string]float64{"ci/runner": 3}, "ci/runner (9 Jobs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Two more tell that the look is of over a day.
			in := importJobs(t, append(test.jobs, testJob{name: "first", image: "x", cpu: "1", age: 30 * time.Hour}, testJob{name: "last", image: "x", cpu: "1"}))
			got := map[string]float64{}
			for _, app := range in.Workload.Apps {
				got[app.Name] = app.StartsPerDay
			}
			for name, want := range test.want {
				if got[name] != want {
					t.Errorf("%s starts %v times a day, want %v", name, got[name], want)
				}
			}
			if len(got) != len(test.want)+2 {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if notes := strings.Join(in.Notes, "\n"); !strings.Contains(notes, test.note) {
				t.Errorf("notes lack %q:\n%s", test.note, notes)
			}
		})
	}
}

// Jobs of which only the manifests are known are a burst of as many as there are.
func TestJobSeriesOfManifests(t *testing.T) {
	var jobs []testJob
	for i := range 7 {
		jobs = append(jobs, testJob{name: fmt.Sprintf("load-2026113%d", i), image: "r.example.com/load:1", cpu: "1", object: true})
	}
	in := importJobs(t, jobs)
	if len(in.Workload.Apps) != 1 || in.Workload.Apps[0].Name != "ci/load" || in.Workload.Apps[0].Bursts[0].Count != 7 {
		t.Errorf("%+v", in.Workload.Apps)
	}
}

// Whatever Jobs there are, no app has pods of two sets of images, and the apps' pods are all.
func TestJobSeriesKeepImages(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ends := rapid.SampledFrom([]string{"b3x7q", "k8s2p", "abcde", "00001", "20261130", "deadbeef01", "v2", "x", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"})
		images := map[string]string{}
		var jobs []testJob
		for range rapid.IntRange(1, 30).Draw(r, "jobs") {
			j := testJob{
				name:  rapid.SampledFrom([]string{"a", "a-b", "load"}).Draw(r, "start") + "-" + ends.Draw(r, "end"),
				image: rapid.SampledFrom([]string{"x:1", "x:2"}).Draw(r, "image"), cpu: rapid.SampledFrom([]string{"1", "2"}).Draw(r, "cpu"),
				age: time.Duration(rapid.IntRange(1, 3000).Draw(r, "minutes")) * time.Minute,
			}
			if images[j.name] == "" { // a Job's template does not change
				images[j.name] = j.image
				jobs = append(jobs, j)
			}
		}
		in := importJobs(t, jobs)
		pods := 0
		for i := range in.Workload.Apps {
			pods += in.Origins[i].Pods
		}
		if pods != len(jobs) {
			r.Errorf("apps have %d pods of %d", pods, len(jobs))
		}
		if notes := strings.Join(in.Notes, "\n"); strings.Contains(notes, "pods differ in their images") {
			r.Errorf("an app has pods of several images: %s", notes)
		}
	})
}
