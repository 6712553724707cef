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
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// patched applies a patch as the API server does.
func patched(t *testing.T, object, kind any, patch []byte) error {
	t.Helper()
	text, err := yaml.YAMLToJSON(patch)
	if err != nil {
		t.Fatal(err)
	}
	out, err := strategicpatch.StrategicMergePatch(toJSON(t, object), text, kind)
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(out, kind)
}

func template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}, Annotations: map[string]string{"kept": "yes"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "r.example/c:1"}}},
	}
}

// TestPatches: applied to the objects that the apps are, the patches add the
// annotation to their pods and change nothing else.
func TestPatches(t *testing.T) {
	docs := documents(t, render(t, PodPatches, shop(), Options{}))
	if len(docs) != 4 {
		t.Fatalf("%d patches of 4 apps with a cache", len(docs))
	}
	with := func(id string) corev1.PodTemplateSpec {
		p := template()
		p.Annotations["k8s.aliyun.com/eci-imc-id"] = id
		return p
	}

	web := appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: appsv1.DeploymentSpec{Template: template()}}
	want := web
	want.Spec.Template = with("imc-web")
	var got appsv1.Deployment
	if err := patched(t, web, &got, docs[0]); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("web: %v: %+v", err, got)
	}

	report := batchv1.CronJob{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: metav1.ObjectMeta{Name: "report", Namespace: "batch"}}
	report.Spec.JobTemplate.Spec.Template = template()
	wantReport := report
	wantReport.Spec.JobTemplate.Spec.Template = with("imc-report")
	var gotReport batchv1.CronJob
	if err := patched(t, report, &gotReport, docs[2]); err != nil || !reflect.DeepEqual(gotReport, wantReport) {
		t.Errorf("report: %v: %+v", err, gotReport)
	}

	// An app that is no object's name: the annotation, and no object that it could be
	// applied to by mistake.
	var bare corev1.ObjectReference
	if err := yaml.Unmarshal(docs[1], &bare); err != nil || bare.Kind != "" || bare.Name != "" || !strings.Contains(string(docs[1]), "eci-imc-id: imc-web") {
		t.Errorf("Sidecar UI: %v: %s", err, docs[1])
	}
	// An existing cache by its ID; a Job that cannot be changed.
	if text := string(docs[3]); !strings.Contains(text, "eci-imc-id: imc-old") || !strings.Contains(text, "kind: Job") || strings.Contains(text, "kubectl") {
		t.Errorf("once: %s", text)
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
	web := appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template()}}
	var got appsv1.Deployment
	if err := patched(t, web, &got, docs[0]); err == nil {
		t.Errorf("it can be applied: %s", docs[0])
	}
	if err := yaml.UnmarshalStrict(docs[0], &got); err == nil {
		t.Errorf("it is a Deployment: %s", docs[0])
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
