package export

import (
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// annotated are a pod's metadata as a patch has them.
func annotated(id string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Annotations: map[string]string{"k8s.aliyun.com/eci-imc-id": id}}
}

// TestPatches: each is a part of the object that the app is: which one, and the
// annotation of its pods, nothing else.
func TestPatches(t *testing.T) {
	docs := documents(t, render(t, PodPatches, shop(), Options{}))
	if len(docs) != 4 {
		t.Fatalf("%d patches of 4 apps with a cache", len(docs))
	}
	want := appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	want.Spec.Template.ObjectMeta = annotated("imc-web")
	var got appsv1.Deployment
	if strictly(t, docs[0], &got); !reflect.DeepEqual(got, want) {
		t.Errorf("web: %+v", got)
	}
	wantReport := batchv1.CronJob{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: metav1.ObjectMeta{Name: "report", Namespace: "batch"}}
	wantReport.Spec.JobTemplate.Spec.Template.ObjectMeta = annotated("imc-report")
	var gotReport batchv1.CronJob
	if strictly(t, docs[2], &gotReport); !reflect.DeepEqual(gotReport, wantReport) {
		t.Errorf("report: %+v", gotReport)
	}
	// An app that is no object's name: the annotation, and no object that it could be
	// applied to by mistake.
	got = appsv1.Deployment{}
	if strictly(t, docs[1], &got); got.Kind != "" || got.Name != "" || got.Spec.Template.Annotations["k8s.aliyun.com/eci-imc-id"] != "imc-web" {
		t.Errorf("Sidecar UI: %+v", got)
	}
	// An existing cache by its ID; a Job cannot be changed.
	wantJob := batchv1.Job{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: metav1.ObjectMeta{Name: "once", Namespace: "batch"}}
	wantJob.Spec.Template.ObjectMeta = annotated("imc-old")
	var gotJob batchv1.Job
	if strictly(t, docs[3], &gotJob); !reflect.DeepEqual(gotJob, wantJob) || strings.Contains(string(docs[3]), "kubectl") {
		t.Errorf("once: %s", docs[3])
	}
}

// TestPatchTargets: which object an app is, and where its pods' annotations stand.
func TestPatchTargets(t *testing.T) {
	for _, test := range []struct {
		app, kind, namespace string
		want                 string
		controller           string
	}{
		{"web", "", "", "Deployment//web", ""},
		{"web", "statefulset", "shop", "StatefulSet/shop/web", ""},
		{"team/web", "StatefulSet", "shop", "StatefulSet/team/web", ""},
		{"team/DaemonSet/web.v2", "Job", "", "DaemonSet/team/web.v2", ""},
		{"team/Pod/web-0", "", "", "Pod/team/web-0", ""},
		{"team/Rollout/web", "", "", "//", ""},
		{"team/web/part", "", "", "//", ""},
		{"Web", "", "", "//", ""},
		{"a/b/c/d", "", "", "//", ""},
		// The plan tells the kind, which comes before --kind and behind the name's.
		{"batch/report", "", "", "CronJob/batch/report", "CronJob"},
		{"batch/once", "Deployment", "", "Job/batch/once", "Job"},
		{"batch/Pod/once", "", "", "Pod/batch/once", "Job"},
		{"team/web", "", "", "//", "Rollout"},
	} {
		in := shop()
		in.Plan.Assignments = []plan.Assignment{{App: test.app, Controller: test.controller, Cache: "imc-old"}}
		docs := documents(t, render(t, PodPatches, in, Options{Namespace: test.namespace, Patches: PatchOptions{Kind: test.kind}}))
		o := decoded(t, docs[0]).(map[string]any)
		meta, _ := o["metadata"].(map[string]any)
		text := func(v any) string { s, _ := v.(string); return s }
		if got := text(o["kind"]) + "/" + text(meta["namespace"]) + "/" + text(meta["name"]); got != test.want {
			t.Errorf("%s: %s, want %s", test.app, got, test.want)
		}
		if o["kind"] == "CronJob" {
			var job batchv1.CronJob
			if strictly(t, docs[0], &job); job.Spec.JobTemplate.Spec.Template.Annotations["k8s.aliyun.com/eci-imc-id"] != "imc-old" {
				t.Errorf("%s: %s", test.app, docs[0])
			}
		}
		isTold := test.controller != "" || test.kind != "" || strings.Count(test.app, "/") > 1
		if guessed := strings.Contains(string(docs[0]), "Deployment is taken"); guessed != (!isTold && test.want != "//") {
			t.Errorf("%s: said to be guessed: %v: %s", test.app, guessed, docs[0])
		}
		if o["kind"] == "Pod" {
			var pod corev1.Pod
			if strictly(t, docs[0], &pod); pod.Annotations["k8s.aliyun.com/eci-imc-id"] != "imc-old" {
				t.Errorf("%s: %s", test.app, docs[0])
			}
		}
	}
}

// TestPatchCommand: the command in a patch's comment says the same as the patch.
func TestPatchCommand(t *testing.T) {
	docs := documents(t, render(t, PodPatches, shop(), Options{}))
	_, line, _ := strings.Cut(string(docs[0]), "  kubectl --namespace shop patch deployment web --patch ")
	line, _, _ = strings.Cut(line, "\n")
	text, err := exec.Command("sh", "-c", "printf %s "+line).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, docs[0])
	}
	var fromCommand, fromDocument appsv1.Deployment
	strictly(t, text, &fromCommand)
	strictly(t, docs[0], &fromDocument)
	if !reflect.DeepEqual(fromCommand.Spec, fromDocument.Spec) {
		t.Errorf("the command patches %+v, the document %+v", fromCommand.Spec, fromDocument.Spec)
	}
}

// TestPlaceholders: Kubernetes refuses a patch whose ID is missing.
func TestPlaceholders(t *testing.T) {
	in := shop()
	in.Existing = nil
	in.Plan.Assignments = in.Plan.Assignments[:1]
	if _, err := Render(PodPatches, in, Options{}); !errors.Is(err, ErrNoID) || !strings.Contains(err.Error(), "shop-web-1a2b3c4d") {
		t.Errorf("without IDs: %v", err)
	}
	docs := documents(t, render(t, PodPatches, in, Options{Patches: PatchOptions{AllowPlaceholders: true}}))
	var got appsv1.Deployment
	if err := yaml.UnmarshalStrict(docs[0], &got); err == nil {
		t.Errorf("it is a Deployment: %s", docs[0])
	}
}

// TestExistingCache: an app that a cache serves which was there already.
func TestExistingCache(t *testing.T) {
	in := shop()
	in.Plan.Caches, in.Plan.Assignments = nil, []plan.Assignment{{App: "a", Cache: "imc-old"}}
	for _, existing := range [][]matcher.Cache{nil, in.Existing} {
		in.Existing = existing
		if got := render(t, PodPatches, in, Options{}); !strings.Contains(string(got), "eci-imc-id: imc-old\n") {
			t.Errorf("of %d caches: %s", len(existing), got)
		}
	}
	in.Existing = in.Existing[:1]
	if _, err := Render(PodPatches, in, Options{Patches: PatchOptions{AllowPlaceholders: true}}); err == nil || !strings.Contains(err.Error(), "imc-old, which the plan gives an app because it exists") {
		t.Errorf("gone by now: %v", err)
	}
}

// TestIDs: which of the account's caches a planned one is.
func TestIDs(t *testing.T) {
	image := []string{"nginx:1"}
	planned := func(c ...matcher.Cache) Input {
		return Input{
			Plan: &plan.Plan{
				Platform: "linux/amd64", Assign: plan.Explicit, Caches: []plan.PlannedCache{{Name: "c", Images: image, SizeGiB: 20}},
				Assignments: []plan.Assignment{{App: "a", Cache: "c"}},
			},
			Existing: c,
		}
	}
	ready := matcher.StatusReady
	for _, test := range []struct {
		name     string
		existing []matcher.Cache
		want     string // the ID, or what the error says
	}{
		{"its name", []matcher.Cache{{ID: "imc-2", Images: image, Status: ready}, {ID: "imc-1", Name: "c", Images: image, Status: ready}}, "imc-1"},
		{"its images by another name", []matcher.Cache{{ID: "imc-3", Name: "d", Images: []string{"docker.io/library/nginx:1"}, Status: ready}}, "imc-3"},
		{"a Ready one of two", []matcher.Cache{{ID: "imc-1", Images: image, Status: matcher.StatusFailed}, {ID: "imc-2", Images: image, Status: ready}}, "imc-2"},
		{"not Ready", []matcher.Cache{{ID: "imc-1", Name: "c", Images: image, Status: matcher.StatusCreating}}, "imc-1) is Creating"},
		{"its name with other images", []matcher.Cache{{ID: "imc-1", Name: "c", Images: []string{"nginx:2"}, Status: ready}}, "does not hold the images"},
		{"one image more", []matcher.Cache{{ID: "imc-1", Name: "d", Images: []string{"nginx:1", "redis"}, Status: ready}}, "not known"},
		{"an ID that would end the command", []matcher.Cache{{ID: "imc-1'; reboot", Name: "c", Images: image, Status: ready}}, "no ID of a cache"},
	} {
		data, err := Render(PodPatches, planned(test.existing...), Options{})
		text := string(data)
		if err != nil {
			text = err.Error()
		}
		if err == nil && !strings.Contains(text, "eci-imc-id: "+test.want+"\n") || err != nil && !strings.Contains(text, test.want) {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}
