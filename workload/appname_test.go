package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuessApp: what each controller makes of its name, by the rules of its own: Kubernetes'
// generators of names, Argo's and Tekton's.
func TestGuessApp(t *testing.T) {
	for pod, want := range map[string]nameGuess{
		"web-5d4c8b7f6d-x4bcd":         {"a/web", ""},          // Deployment
		"web-2-5d4c8b7f6d-x4bcd":       {"a/web-2", ""},        // one called web-2
		"agent-x4bcd":                  {"a/agent", ""},        // DaemonSet, Job
		"agent-3-x4bcd":                {"a/agent", "3"},       // an Indexed Job's, or a DaemonSet agent-3's
		"nightly-29384820-x4bcd":       {"a/nightly", ""},      // CronJob
		"nightly-29384820-7-x4bcd":     {"a/nightly", ""},      // CronJob of Indexed Jobs
		"migrate-k2p9w-x4bcd":          {"a/migrate", "k2p9w"}, // Job made with generateName
		"migrate-k2p9w-0-x4bcd":        {"a/migrate", "k2p9w-0"},
		"db-0":                         {"a/db", "0"},  // StatefulSet
		"db-12":                        {"a/db", "12"}, //
		"llm-0-3":                      {"a/llm", "0-3"},
		"report-7d9f8-2":               {"a/report", "7d9f8-2"},
		"etl-x4bcd-extract-1234567890": {"a/etl-extract", ""}, // Argo, names of version 2
		"etl-x4bcd-1234567890":         {"a/etl", ""},         // Argo, names of version 1
		"etl-1795172400-load-87654321": {"a/etl-load", ""},    // a CronWorkflow's
		"build-k2p9w-compile-pod":      {"a/build-compile", ""},
		"build-k2p9w-compile-pod-x4bcd": {
			"a/build-compile", ""}, // before Tekton 0.30
		"debug-pod":   {"a/debug-pod", ""},
		"standalone":  {"a/standalone", ""},
		"backup-2026": {"a/backup", "2026"},
		"-0":          {"a/-0", ""},
		"x":           {"a/x", ""},
	} {
		if got := guessApp("a", pod); got != want {
			t.Errorf("%s: %+v, want %+v", pod, got, want)
		}
	}
	for owner, want := range map[[2]string]nameGuess{
		{"ReplicaSet", "web-5d4c8b7f6d"}: {"a/web", ""}, {"StatefulSet", "db-0"}: {"a/db-0", ""}, {"DaemonSet", "agent-3"}: {"a/agent-3", ""},
		{"Job", "migrate-17"}: {"a/migrate", "17"}, {"Job", "migrate-k2p9w"}: {"a/migrate", "k2p9w"}, {"Job", "nightly-29384820"}: {"a/nightly", ""}, {"Job", "migrate"}: {"a/migrate", ""},
	} {
		if got := guessOwned("a", owner[0], owner[1]); got != want {
			t.Errorf("%v: %+v, want %+v", owner, got, want)
		}
	}
}

// podLines are the events of a pod of which no controller tells.
func podLines(minute int, pod, image string) string {
	line := func(reason, message string) string {
		return fmt.Sprintf(`{"involvedObject":{"kind":"Pod","namespace":"a","name":"%s","fieldPath":"spec.containers{c}"},"reason":"%s","message":"%s","lastTimestamp":"2026-11-20T%02d:%02d:00Z"}`, pod, reason, message, minute/60, minute%60)
	}
	return line("Scheduled", "Successfully assigned a/"+pod+" to n1") + "\n" + line("Pulled", `Container image \"`+image+`\" already present on machine`) + "\n"
}

// TestPodsOfOneApp: pods that differ by an index, a random end or a run are one app; those
// of other images never are, and a name that only one has is kept.
func TestPodsOfOneApp(t *testing.T) {
	for name, test := range map[string]struct {
		pods map[string]string // image by pod
		want []string
	}{
		"StatefulSet":           {map[string]string{"db-0": "db:1", "db-1": "db:1", "db-2": "db:1"}, []string{"a/db [db:1] 3"}},
		"one replica":           {map[string]string{"db-0": "db:1"}, []string{"a/db [db:1] 1"}},
		"a number of its own":   {map[string]string{"host-7": "h:1"}, []string{"a/host-7 [h:1] 1"}},
		"Indexed Job":           {map[string]string{"sim-0-x4bcd": "s:1", "sim-1-z5cdf": "s:1"}, []string{"a/sim [s:1] 2"}},
		"generateName":          {map[string]string{"job-k2p9w-x4bcd": "j:1", "job-m4n5p-z5cdf": "j:1"}, []string{"a/job [j:1] 2"}},
		"one run of it":         {map[string]string{"api-https-x4bcd": "j:1", "api-https-z5cdf": "j:1"}, []string{"a/api-https [j:1] 2"}},
		"other images":          {map[string]string{"n-0": "x:1", "n-1": "x:1", "n-2": "y:1"}, []string{"a/n [x:1] 2", "a/n-2 [y:1] 1"}},
		"Argo":                  {map[string]string{"etl-x4bcd-load-1234567890": "l:1", "etl-z5cdf-load-2345678901": "l:1", "etl-z5cdf-dump-345678901": "d:1"}, []string{"a/etl-dump [d:1] 1", "a/etl-load [l:1] 2"}},
		"Tekton":                {map[string]string{"ci-x4bcd-test-pod": "t:1", "ci-z5cdf-test-pod": "t:1"}, []string{"a/ci-test [t:1] 2"}},
		"a Deployment besides":  {map[string]string{"web-5d4c8b7f6d-x4bcd": "w:1", "web-7": "w:1"}, []string{"a/web [w:1] 2"}},
		"a name that is taken":  {map[string]string{"web-2-5d4c8b7f6d-x4bcd": "w:1", "web-5d4c8b7f6d-x4bcd": "w:1", "web-6d5c8b7f4d-z5cdf": "v:1"}, []string{"a/web [v:1] 1", "a/web-2 [w:1] 1", "a/web-3 [w:1] 1"}},
		"of two CronJobs a run": {map[string]string{"x-29384820-x4bcd": "x:1", "x-29384821-z5cdf": "x:1", "y-29384820-x4bcd": "x:1"}, []string{"a/x [x:1] 2", "a/y [x:1] 1"}},
	} {
		var text strings.Builder
		for n, pod := range sortedKeys(test.pods) {
			text.WriteString(podLines(n, pod, test.pods[pod]))
		}
		h := importText(t, PullOptions{ScaleToDay: true}, text.String())
		var got []string
		names := map[string]bool{}
		for n, a := range h.Workload.Apps {
			got = append(got, fmt.Sprintf("%s %v %d", a.Name, a.Images, h.Origins[n].Pods))
			names[a.Name] = true
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		for _, p := range h.Pulls {
			if !names[p.App] {
				t.Errorf("%s: a pull of app %s, which the workload lacks", name, p.App)
			}
		}
	}
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestGroupsOfOneApp: container groups that differ by an index are one app with a burst;
// those of another size or other images are others; a tag names an app.
func TestGroupsOfOneApp(t *testing.T) {
	group := func(n int, name, image string, cpu float64, tags string) string {
		return fmt.Sprintf(`{"ContainerGroupId":"eci-%s-%d","ContainerGroupName":"%s","Cpu":%v,"Memory":%v,"CreationTime":"2026-11-2%dT10:00:%02dZ","Tags":[%s],"Containers":[{"Name":"c","Image":"%s"}]}`, name, n, name, cpu, 2*cpu, n/60, n%60, tags, image)
	}
	var list []string
	for n := range 20 {
		list = append(list, group(n, fmt.Sprintf("report-7d9f8-%d", n), "report:7", 2, ""))
	}
	for n := range 3 {
		list = append(list, group(n, fmt.Sprintf("report-7d9f8-%d", 20+n), "report:7", 4, ""))
	}
	list = append(list, group(0, "report-7d9f8-30", "other:7", 2, ""), group(0, "x4f9", "t:1", 2, `{"Key":"owner","Value":"z"},{"Key":"app","Value":"train"}`), group(99, "q7", "t:1", 2, `{"Key":"app","Value":"train"}`))
	h := importText(t, PullOptions{}, `{"ContainerGroups":[`+strings.Join(list, ",\n")+`]}`)
	var got []string
	for n, a := range h.Workload.Apps {
		got = append(got, fmt.Sprintf("%s %v cpu %v pods %d bursts %v", a.Name, a.Images, a.CPU, h.Origins[n].Pods, len(a.Bursts)))
	}
	want := []string{
		"eci/report [report:7] cpu 2 pods 20 bursts 1", "eci/report-2 [report:7] cpu 4 pods 3 bursts 0", "eci/report-3 [other:7] cpu 2 pods 1 bursts 0",
		"eci/train [t:1] cpu 2 pods 2 bursts 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b := h.Workload.Apps[0].Bursts; len(b) == 1 && b[0].Count != 20 {
		t.Errorf("%+v, want 20 together", b)
	}
}
