package ecitest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// moment is an event of a group: seconds after its creation, reason, and for a pull
// the image and how it ended.
func moments(r *reply, since time.Time) (all []string) {
	for _, e := range r.list("Events") {
		when, _ := time.Parse(time.RFC3339, fmt.Sprint(at(e, "LastTimestamp")))
		text := fmt.Sprintf("%v %v", when.Sub(since).Seconds(), at(e, "Reason"))
		message := fmt.Sprint(at(e, "Message"))
		if _, image, ok := strings.Cut(message, `"`); ok {
			text += " " + strings.Replace(image, `"`, "", 1)
		}
		all = append(all, text)
	}
	return all
}

func check(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestColdStart: without a cache, by hand: 10 s to the instance, 10 s for web:1, 2 s
// for tool:1, a second for each container, 2 s for the program.
func TestColdStart(t *testing.T) {
	s, c := plain(t, fleet...)
	id := c.createGroup("cold", []string{"web:1", "tool:1"}, "Container.2.Command.1", "sleep", "Container.2.Arg.1", "60", "RestartPolicy", "Never")
	for _, step := range []struct {
		at     time.Duration
		status string
	}{{0, "Scheduling"}, {9 * time.Second, "Scheduling"}, {10 * time.Second, "Pending"}, {23 * time.Second, "Pending"}, {24 * time.Second, "Running"}, {time.Hour, "Running"}} {
		s.Advance(step.at - s.Now().Sub(start))
		if got := c.group(id).text("Status"); got != step.status {
			t.Errorf("after %v: %s, want %s", step.at, got, step.status)
		}
	}
	r := c.group(id)
	check(t, "events", moments(r, start), []string{
		"0 UserInstanceTypeSpec",
		"10 Pulling web:1", "20 Pulled web:1 in 10s (10s including waiting)",
		"20 Pulling tool:1", "22 Pulled tool:1 in 2s (2s including waiting)",
		"22 Created", "23 Started", "23 Created", "24 Started",
	})
	for path, want := range map[string]string{
		"CreationTime": "2026-03-01T00:00:00Z", "Cpu": "2", "Memory": "4", "RestartPolicy": "Never", "RegionId": "cn-hangzhou", "ZoneId": "cn-hangzhou-b",
		"Containers.0.CurrentState.State": "Running", "Containers.0.CurrentState.StartTime": "2026-03-01T00:00:23Z", "Containers.0.Ready": "true",
		"Containers.1.CurrentState.State": "Terminated", "Containers.1.CurrentState.ExitCode": "0", "Containers.1.CurrentState.StartTime": "2026-03-01T00:00:24Z",
		"Containers.1.CurrentState.FinishTime": "2026-03-01T00:01:26Z", // 60 s from ready
	} {
		if got := r.text(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// TestHit: from a cache of one of the two images: the disk takes 5 s more, web:1 is
// present, tool:1 is pulled; an automatic cache of both is begun, for the match is
// not a full one (eci §1.10).
func TestHit(t *testing.T) {
	s, c := plain(t, fleet...)
	cache := c.createCache("web", []string{"web:1"})
	s.Advance(time.Hour)
	began := s.Now()
	id := c.createGroup("hit", []string{"web:1", "tool:1"}, "AutoMatchImageCache", "true")
	s.Advance(40 * time.Second)
	r := c.group(id)
	check(t, "events", moments(r, began), []string{
		"0 UserInstanceTypeSpec", "0 SuccessfulHitImageCache", "0 ImageCacheAutoCreated",
		"15 Pulled web:1 already present on machine",
		"15 Pulling tool:1", "17 Pulled tool:1 in 2s (2s including waiting)",
		"17 Created", "18 Started", "18 Created", "19 Started",
	})
	if message := r.text("Events.1.Message"); !strings.Contains(message, cache) || !strings.HasPrefix(message, "[eci.imagecache]") {
		t.Errorf("the hit is told as %q: it names the cache %s", message, cache)
	}
	if got := c.cache(cache).text("LastMatchedTime"); got != "2026-03-01T01:00:00Z" {
		t.Errorf("LastMatchedTime is %q", got)
	}
	status := c.do("DescribeContainerGroupStatus", "ContainerGroupIds", `["`+id+`"]`)
	if got := status.text("Data.0.Annotations"); got != `{"k8s.aliyun.com/eci-matched-image-cache":"`+cache+`"}` {
		t.Errorf("annotations %s", got)
	}
	automatic := s.Caches()[1]
	if automatic.Name != "auto-create-for-"+id || automatic.SizeGiB != 30 || !automatic.Automatic || !slices.Equal(automatic.Images, []string{"web:1", "tool:1"}) {
		t.Errorf("automatic cache %+v", automatic)
	}

	// It is Ready 10 + 12 + 100 s after the start, and better than the other from
	// then on: it holds both.
	s.Advance(82 * time.Second)
	full := c.createGroup("full", []string{"web:1", "tool:1"}, "AutoMatchImageCache", "true", "EphemeralStorage", "5")
	again := s.Now()
	s.Advance(40 * time.Second)
	check(t, "events of a full match", moments(c.group(full), again), []string{
		"0 UserInstanceTypeSpec", "0 SuccessfulHitImageCache", "15 Pulled web:1 already present on machine", "15 Pulled tool:1 already present on machine",
		"15 Created", "16 Started", "16 Created", "17 Started",
	})
	if got := s.Groups()[1].CacheID; got != automatic.ID {
		t.Errorf("made from %s, want %s", got, automatic.ID)
	}
	if n := s.Created("AutomaticImageCache"); n != 1 {
		t.Errorf("%d automatic caches were made", n)
	}
}

// TestMiss: nothing matches: events, an automatic cache of the storage asked for,
// which lives 7 days unused and 30 after its last use (eci §1.2).
func TestMiss(t *testing.T) {
	s, c := plain(t, fleet...)
	images := []string{"web:1", "tool:1"}
	id := c.createGroup("miss", images, "AutoMatchImageCache", "true", "EphemeralStorage", "10")
	c.createGroup("off", images)
	c.createGroup("meanwhile", images, "AutoMatchImageCache", "true", "EphemeralStorage", "10") // one of the same is being built
	if got := c.group(id).reasons(); !slices.Equal(got, []string{"UserInstanceTypeSpec", "ImageCacheMissed", "ImageCacheAutoCreated"}) {
		t.Errorf("events %v", got)
	}
	if got := c.group(id).text("Events.1.Type"); got != "Warning" {
		t.Errorf("the miss is of type %s", got)
	}
	caches := s.Caches()
	if len(caches) != 1 || caches[0].SizeGiB != 40 {
		t.Fatalf("caches %+v", caches)
	}
	if want := start.AddDate(0, 0, 7); !caches[0].ExpireTime.Equal(want) {
		t.Errorf("unused, it expires at %v, want %v", caches[0].ExpireTime, want)
	}
	s.Advance(24 * time.Hour)
	c.createGroup("use", images, "AutoMatchImageCache", "true", "EphemeralStorage", "10")
	if got, want := s.Caches()[0].ExpireTime, start.AddDate(0, 0, 31); !got.Equal(want) {
		t.Errorf("used, it expires at %v, want %v", got, want)
	}
	// An instance of 30 GiB cannot take a disk of 40 (eci §6 #3).
	c.createGroup("small", images, "AutoMatchImageCache", "true")
	if groups := s.Groups(); groups[len(groups)-1].CacheID != "" || s.Created("AutomaticImageCache") != 2 {
		t.Errorf("a small instance got %q", groups[len(groups)-1].CacheID)
	}
	s.Advance(30*24*time.Hour - time.Second)
	if n := len(s.Caches()); n != 1 {
		t.Fatalf("%d caches a second before the end of the used one", n)
	}
	s.Advance(time.Second)
	if n := len(s.Caches()); n != 0 {
		t.Errorf("%d caches after it", n)
	}
}

// TestLatest: :latest without a policy is asked for though present: Pulling and
// Pulled appear all the same (eci §1.10); with IfNotPresent they do not.
func TestLatest(t *testing.T) {
	profile := plainProfile()
	profile.Network.Request.Value = time.Second
	s, c := serve(t, ecitest.Options{Profile: profile, Inventory: inventory(t, fleet...)})
	cache := c.createCache("latest", []string{"web:latest"})
	s.Advance(time.Hour)
	for _, test := range []struct {
		more []string
		want []string
	}{
		{nil, []string{"Pulling", "Pulled"}},
		{[]string{"Container.1.ImagePullPolicy", "Always"}, []string{"Pulling", "Pulled"}},
		{[]string{"Container.1.ImagePullPolicy", "IfNotPresent"}, []string{"Pulled"}},
		{[]string{"Container.1.ImagePullPolicy", "Never"}, []string{"Pulled"}},
	} {
		id := c.createGroup("latest", []string{"web:latest"}, append(test.more, "ImageSnapshotId", cache)...)
		s.Advance(time.Minute)
		got := slices.DeleteFunc(c.group(id).reasons(), func(r string) bool { return !strings.HasPrefix(r, "Pull") })
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.more, got, test.want)
		}
	}
}

// TestCannotPull: an image that does not exist, or may not be pulled, leaves the
// group Pending.
func TestCannotPull(t *testing.T) {
	s, c := plain(t, fleet...)
	for name, test := range map[string]struct {
		more          []string
		reason, event string
	}{
		"unknown": {[]string{"Container.2.Image", "nowhere:1"}, "ImagePullBackOff", "BackOff"},
		"never":   {[]string{"Container.2.ImagePullPolicy", "Never"}, "ErrImageNeverPull", "ErrImageNeverPull"},
	} {
		t.Run(name, func(t *testing.T) {
			id := c.createGroup("pull", []string{"tool:1", "web:1"}, append(test.more, "AutoMatchImageCache", "true", "ActiveDeadlineSeconds", "600")...)
			s.Advance(time.Minute)
			r := c.group(id)
			if r.text("Status") != "Pending" || r.text("Containers.1.CurrentState.Reason") != test.reason || !slices.Contains(r.reasons(), test.event) {
				t.Errorf("%s, %s, events %v", r.text("Status"), r.text("Containers.1.CurrentState.Reason"), r.reasons())
			}
			s.Advance(10 * time.Minute)
			if r := c.group(id); r.text("Status") != "Failed" || r.text("FailedTime") == "" {
				t.Errorf("after its deadline: %s", r.text("Status"))
			}
		})
	}
	if n := s.Created("AutomaticImageCache"); n != 0 {
		t.Errorf("%d automatic caches of what cannot be pulled", n)
	}
}

// TestEnds: how a group ends by its containers and its policy.
func TestEnds(t *testing.T) {
	s, c := serve(t, ecitest.Options{
		Profile: plainProfile(), Inventory: inventory(t, fleet...),
		Runtimes: map[string]ecitest.Runtime{"api:1": {After: 30 * time.Second, ExitCode: 3}},
	})
	for _, test := range []struct {
		name, image, policy, script string
		deadline                    string
		status                      string
		after                       time.Duration // from creation
		exit                        string
	}{
		{name: "never", image: "web:1", policy: "Never", script: "sleep 5", status: "Succeeded", after: 28 * time.Second, exit: "0"},
		{name: "failure", image: "web:1", policy: "OnFailure", script: "sleep 5s", status: "Succeeded", after: 28 * time.Second, exit: "0"},
		{name: "script", image: "web:1", policy: "Never", script: "sleep 5; exit 7", status: "Failed", after: 28 * time.Second, exit: "7"},
		{name: "runtime", image: "api:1", policy: "Never", status: "Failed", after: 53 * time.Second, exit: "3"},
		{name: "deadline", image: "web:1", policy: "Always", deadline: "100", status: "Failed", after: 100 * time.Second, exit: "137"},
		{name: "forever", image: "web:1", policy: "Never", status: "Running", after: 1000 * time.Second},
		{name: "again", image: "web:1", policy: "Always", script: "sleep 5", status: "Running", after: 1000 * time.Second},
		{name: "retried", image: "api:1", policy: "OnFailure", status: "Running", after: 1000 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			pairs := []string{"RestartPolicy", test.policy}
			if test.script != "" {
				pairs = append(pairs, "Container.1.Command.1", "/bin/sh", "Container.1.Command.2", "-c", "Container.1.Arg.1", test.script)
			}
			if test.deadline != "" {
				pairs = append(pairs, "ActiveDeadlineSeconds", test.deadline)
			}
			id := c.createGroup(test.name, []string{test.image}, pairs...)
			s.Advance(test.after - time.Second)
			if got := c.group(id).text("Status"); got != "Running" {
				t.Errorf("a second before: %s, want Running", got)
			}
			s.Advance(time.Second)
			r := c.group(id)
			if got := r.text("Status"); got != test.status || r.text("Containers.0.CurrentState.ExitCode") != test.exit && test.exit != "" {
				t.Errorf("after %v: %s with %v, want %s with %s", test.after, got, r.body["Containers"], test.status, test.exit)
			}
			if test.name == "again" && r.text("Containers.0.RestartCount") != "7" {
				// It ended after 28 s and starts again after 10, 20, 40, 80, 160, 300, 300 s.
				t.Errorf("restarted %s times, want 7", r.text("Containers.0.RestartCount"))
			}
		})
	}
}

// TestInitContainers come first, one after another; the others wait for them.
func TestInitContainers(t *testing.T) {
	s, c := plain(t, fleet...)
	with := func(script string) string {
		return c.createGroup("init", []string{"web:1"}, "InitContainer.1.Name", "i", "InitContainer.1.Image", "tool:1", "InitContainer.1.Command.1", script, "RestartPolicy", "Never")
	}
	good, bad := with("sleep 30"), with("exit 2")
	s.Advance(2 * time.Minute)
	check(t, "events", moments(c.group(good), start), []string{
		"0 UserInstanceTypeSpec", "10 Pulling tool:1", "12 Pulled tool:1 in 2s (2s including waiting)", "12 Pulling web:1", "22 Pulled web:1 in 10s (10s including waiting)",
		"22 Created", "23 Started", "53 Created", "54 Started",
	})
	status := c.do("DescribeContainerGroupStatus", "ContainerGroupIds", `["`+good+`"]`)
	conditions := make(map[string]string)
	for _, condition := range status.list("Data.0.PodStatus.Conditions") {
		conditions[fmt.Sprint(at(condition, "type"))] = fmt.Sprint(at(condition, "status"), " ", at(condition, "lastTransitionTime"))
	}
	for kind, want := range map[string]string{
		"PodScheduled": "True 2026-03-01T00:00:00Z", "ContainerInstanceCreated": "True 2026-03-01T00:00:10Z", "Initialized": "True 2026-03-01T00:00:53Z", "Ready": "True 2026-03-01T00:00:56Z",
	} {
		if conditions[kind] != want {
			t.Errorf("condition %s is %q, want %q", kind, conditions[kind], want)
		}
	}
	if got := status.text("Data.0.PodStatus.ContainerStatuses.0.State.Running.StartedAtstartedAt"); got != "2026-03-01T00:00:54Z" {
		t.Errorf("StartedAtstartedAt is %q", got)
	}
	if r := c.group(bad); r.text("Status") != "Failed" || r.text("InitContainers.0.CurrentState.ExitCode") != "2" {
		t.Errorf("a failing init container: %s %v", r.text("Status"), r.body["InitContainers"])
	}
}

// TestDeletion: one that runs is Terminating first; what has ended is kept for an
// hour, beyond that the newest 100 of a region (eci §3.1).
func TestDeletion(t *testing.T) {
	s, c := serve(t, ecitest.Options{Profile: plainProfile(), Inventory: inventory(t, fleet...), Limits: map[string]ecitest.Limit{"CreateContainerGroup": {}}})
	id := c.createGroup("web", []string{"web:1"})
	s.Advance(time.Minute)
	c.do("DeleteContainerGroup", "ContainerGroupId", id)
	if got := c.group(id).text("Status"); got != "Terminating" {
		t.Errorf("deleted, it is %s", got)
	}
	if left := s.Leftovers(); len(left) != 0 {
		t.Errorf("left over %q", left)
	}
	s.Advance(ecitest.DefaultTermination)
	if r := c.group(id); r.body != nil {
		t.Errorf("still there: %v", r.body)
	}
	c.refused(404, "ContainerGroup.NotFound", "DeleteContainerGroup", "ContainerGroupId", id)
	forced := c.createGroup("web", []string{"web:1"})
	c.do("DeleteContainerGroup", "ContainerGroupId", forced, "Force", "true")
	if r := c.group(forced); r.body != nil {
		t.Errorf("forced, it is still there: %v", r.body)
	}

	for i := range 110 {
		c.createGroup(fmt.Sprint("job-", i), []string{"tool:1"}, "RestartPolicy", "Never", "Container.1.Command.1", "true")
		s.Advance(time.Second)
	}
	kept := func() int { return len(s.Groups()) }
	s.Advance(30 * time.Minute)
	if n := kept(); n != 110 {
		t.Errorf("%d are kept within the hour, want 110", n)
	}
	s.Advance(31 * time.Minute)
	if n := kept(); n != 100 || s.Groups()[0].Name != "job-10" {
		t.Errorf("%d are kept beyond it from %s, want the newest 100", n, s.Groups()[0].Name)
	}
}

// TestStock: without stock a creation is refused, or scheduling fails later.
func TestStock(t *testing.T) {
	s, c := plain(t, fleet...)
	s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{
		{Action: "CreateContainerGroup", Kind: ecitest.FaultNoStock, Nth: 1}, {Action: "CreateContainerGroup", Kind: ecitest.FaultScheduleFailed, Nth: 2},
		{Action: "CreateContainerGroup", Kind: ecitest.FaultStuck, Nth: 3}, {Action: "CreateContainerGroup", Kind: ecitest.FaultFailed, Nth: 4},
	}})
	web := []string{"web:1"}
	c.refused(403, "OperationDenied.NoStock", "CreateContainerGroup", groupParameters("web", web)...)
	unscheduled, stuck, failed := c.createGroup("group-a", web), c.createGroup("group-b", web), c.createGroup("group-c", web, "RestartPolicy", "Never")
	s.Advance(time.Hour)
	for id, want := range map[string]string{unscheduled: "ScheduleFailed", stuck: "Scheduling", failed: "Failed"} {
		if r := c.group(id); r.text("Status") != want {
			t.Errorf("%s: %s, want %s", r.text("ContainerGroupName"), r.text("Status"), want)
		}
	}
	if got := c.group(unscheduled).reasons(); got[len(got)-1] != "NoStock" {
		t.Errorf("events %v", got)
	}
	s.Advance(24 * time.Hour)
	if r := c.group(unscheduled); r.body != nil {
		t.Error("what could not be scheduled is kept longer than 24 h (eci §3.1)")
	}
}

func TestGroupParameters(t *testing.T) {
	_, c := serve(t, ecitest.Options{MaxVCPU: 10})
	good := groupParameters("web", []string{"nginx:1.27", "redis:7"})
	with := func(more ...string) []string { return append(slices.Clone(good), more...) }
	for _, test := range []struct {
		status int
		code   string
		pairs  []string
	}{
		{400, "MissingParameter", good[2:]},
		{400, "MissingParameter", good[:2]},
		{400, "MissingParameter", with("Container.2.Name", "")},
		{400, "InvalidParameter", with("ContainerGroupName", "Web")},
		{400, "InvalidParameter", with("ContainerGroupName", "w")},
		{400, "InvalidParameter", with("ContainerGroupName", strings.Repeat("w", 129))},
		{400, "InvalidParameter", with("RestartPolicy", "Sometimes")},
		{400, "InvalidParameter", with("Container.1.ImagePullPolicy", "Maybe")},
		{400, "InvalidParameter", with("ImageAccelerateMode", "Nydus")},
		{400, "InvalidParameter", with("ScheduleStrategy", "VSwitchFirst")},
		{400, "InvalidParameter", with("CpuArchitecture", "RISCV")},
		{400, "InvalidParameter", with("OsType", "Plan9")},
		{400, "InvalidParameter", with("TerminationGracePeriodSeconds", "soon")},
		{400, "InvalidParameter", with("EphemeralStorage", "5001")},
		{400, "InvalidParameter", with("ActiveDeadlineSeconds", "-1")},
		{400, "InvalidParameter", with("Cpu", "two")},
		{400, "InvalidParameter", with("Cpu", "NaN")},
		{400, "InvalidParameter.CPU.Memory", with("Cpu", "65")},
		{400, "InvalidParameter.DuplicatedName", with("Container.2.Name", "c1")},
		{400, "DryRunOperation", with("DryRun", "true")},
		{403, "QuotaExceeded", with("Cpu", "11")},
		{404, "ImageSnapshot.NotFound", with("ImageSnapshotId", "imc-none")},
	} {
		c.refused(test.status, test.code, "CreateContainerGroup", test.pairs...)
	}
	// The values that there are pass, for it is only to be checked.
	for name, values := range map[string]string{
		"ImageAccelerateMode": "nydus dadi p2p imc", "ScheduleStrategy": "VSwitchOrdered VSwitchRandom", "CpuArchitecture": "AMD64 ARM64", "OsType": "Linux Windows",
		"RestartPolicy": "Always OnFailure Never", "Container.1.ImagePullPolicy": "Always IfNotPresent Never", "TerminationGracePeriodSeconds": "0 30",
	} {
		for _, value := range strings.Fields(values) {
			c.refused(400, "DryRunOperation", "CreateContainerGroup", with(name, value, "DryRun", "true")...)
		}
	}
	cache := c.createCache("web", []string{"nginx:1.27"})
	c.refused(400, "ImageSnapshot.IncorrectStatus", "CreateContainerGroup", with("ImageSnapshotId", cache)...)
	if n := len(c.do("DescribeContainerGroups", "ContainerGroupName", "web").list("ContainerGroups")); n != 0 {
		t.Errorf("%d groups were made by what was refused", n)
	}
}

// TestVCPUQuota: what has ended or is deleted does not count.
func TestVCPUQuota(t *testing.T) {
	s, c := serve(t, ecitest.Options{MaxVCPU: 4})
	web := []string{"nginx:1.27"}
	c.createGroup("ends", web, "RestartPolicy", "Never", "Container.1.Command.1", "true")
	runs := c.createGroup("runs", web)
	refused := func() { c.refused(403, "QuotaExceeded", "CreateContainerGroup", groupParameters("more", web)...) }
	refused()
	s.Advance(time.Hour)
	if got := c.do("ListUsage").text("Attributes.UsedCpu"); got != "2" {
		t.Errorf("%s vCPU are used, want 2", got)
	}
	c.createGroup("third", web)
	refused()
	c.do("DeleteContainerGroup", "ContainerGroupId", runs)
	c.createGroup("fourth", web)
}

// TestPoliciesOfOneImage: of two containers of one image that a cache holds, the one
// that does not ask finds it, the other asks.
func TestPoliciesOfOneImage(t *testing.T) {
	profile := plainProfile()
	profile.Network.Request.Value = time.Second
	s, c := serve(t, ecitest.Options{Profile: profile, Inventory: inventory(t, fleet...)})
	cache := c.createCache("web", []string{"web:1"})
	s.Advance(time.Hour)
	for order, want := range map[string][]string{
		"IfNotPresent Always": {"Pulled", "Pulling", "Pulled"},
		"Always IfNotPresent": {"Pulling", "Pulled", "Pulled"},
		"Always Always":       {"Pulling", "Pulled", "Pulling", "Pulled"},

		"IfNotPresent IfNotPresent": {"Pulled", "Pulled"},
	} {
		first, second, _ := strings.Cut(order, " ")
		id := c.createGroup("two", []string{"web:1", "web:1"}, "ImageSnapshotId", cache, "Container.1.ImagePullPolicy", first, "Container.2.ImagePullPolicy", second)
		s.Advance(time.Hour)
		got := slices.DeleteFunc(c.group(id).reasons(), func(r string) bool { return !strings.HasPrefix(r, "Pull") })
		check(t, order, got, want)
		groups := s.Groups()
		g := groups[len(groups)-1]
		// 15 s to the cache's disk, 1 s a container, 2 s the program, 1 s to ask.
		if took := g.Ready.Sub(g.Created); (took == 19*time.Second) == strings.Contains(order, "Always") || took < 19*time.Second {
			t.Errorf("%s is ready after %v: 19 s where nobody asks, more where one does", order, took)
		}
	}
}

// TestOtherArchitecture: a cache of amd64 is not for arm64 (eci §6 #9).
func TestOtherArchitecture(t *testing.T) {
	s, c := serve(t, ecitest.Options{})
	cache := c.createCache("web", []string{"nginx:1.27"})
	s.Advance(time.Hour)
	arm := append(groupParameters("web", []string{"nginx:1.27"}), "CpuArchitecture", "ARM64")
	c.refused(400, "ImageSnapshot.NotSupport", "CreateContainerGroup", append(slices.Clone(arm), "ImageSnapshotId", cache)...)
	c.do("CreateContainerGroup", append(arm, "AutoMatchImageCache", "true")...)
	if got := s.Groups()[0].CacheID; got != "" {
		t.Errorf("an arm64 group got %s", got)
	}
	if automatic := s.Caches()[1]; automatic.Architecture != "arm64" {
		t.Errorf("its automatic cache is for %s", automatic.Architecture)
	}
}
