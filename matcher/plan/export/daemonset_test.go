package export

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// daemonSetOf decodes a DaemonSet strictly, and holds it to what the API server asks
// beyond its types.
func daemonSetOf(t rapid.TB, data []byte) *appsv1.DaemonSet {
	t.Helper()
	var d appsv1.DaemonSet
	strictly(t, data, &d)
	if d.APIVersion != "apps/v1" || d.Kind != "DaemonSet" {
		t.Errorf("it is a %s %s", d.APIVersion, d.Kind)
	}
	if faults := validation.IsDNS1123Subdomain(d.Name); len(faults) > 0 {
		t.Errorf("name %q: %v", d.Name, faults)
	}
	selector := labels.SelectorFromSet(d.Spec.Selector.MatchLabels)
	if selector.Empty() || !selector.Matches(labels.Set(d.Spec.Template.Labels)) {
		t.Errorf("the selector %v does not select the pods, %v", selector, d.Spec.Template.Labels)
	}
	for _, set := range []map[string]string{d.Labels, d.Spec.Template.Labels, d.Spec.Template.Spec.NodeSelector} {
		for key, value := range set {
			if faults := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(faults) > 0 {
				t.Errorf("label %q=%q: %v", key, value, faults)
			}
		}
	}
	checkPod(t, &d.Spec.Template.Spec)
	return &d
}

// checkPod holds a pod to what the API server asks, and to the Pod Security Standard
// "restricted".
func checkPod(t rapid.TB, p *corev1.PodSpec) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range p.Volumes {
		volumes[v.Name] = true
		if v.EmptyDir == nil {
			t.Errorf("volume %s is no emptyDir", v.Name)
		}
	}
	sc := p.SecurityContext
	if sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot || sc.RunAsUser == nil || *sc.RunAsUser == 0 || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod may run as root: %+v", sc)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Error("the pod gets a token")
	}
	seen := map[string]bool{}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		if faults := validation.IsDNS1123Label(c.Name); len(faults) > 0 || seen[c.Name] {
			t.Errorf("container %q: %v, or twice", c.Name, faults)
		}
		seen[c.Name] = true
		if c.ImagePullPolicy != corev1.PullIfNotPresent {
			t.Errorf("container %s: policy %s", c.Name, c.ImagePullPolicy)
		}
		if cpu, memory := c.Resources.Requests.Cpu(), c.Resources.Requests.Memory(); cpu.MilliValue() > 1 || memory.Value() > 8<<20 || c.Resources.Limits.Memory().Cmp(*memory) < 0 {
			t.Errorf("container %s: asks for %v and %v", c.Name, cpu, memory)
		}
		if s := c.SecurityContext; s == nil || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
			t.Errorf("container %s: %+v", c.Name, c.SecurityContext)
		}
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("container %s: no volume %s", c.Name, m.Name)
			}
		}
	}
}

// imagesOf are those that a DaemonSet pulls for their own sake.
func imagesOf(d *appsv1.DaemonSet) (list []string) {
	for _, c := range d.Spec.Template.Spec.InitContainers[1:] {
		list = append(list, c.Image)
	}
	return list
}

func TestDaemonSet(t *testing.T) {
	docs := documents(t, render(t, DaemonSet, shop(), Options{Namespace: "pre", ImagePullSecrets: []string{"regcred"}}))
	if len(docs) != 2 {
		t.Fatalf("%d documents", len(docs))
	}
	var class schedulingv1.PriorityClass
	strictly(t, docs[0], &class)
	if class.Value >= 0 || class.GlobalDefault || *class.PreemptionPolicy != corev1.PreemptNever {
		t.Errorf("pods that only pull could displace others: %+v", class)
	}
	d := daemonSetOf(t, docs[1])
	pod := &d.Spec.Template.Spec
	if pod.PriorityClassName != class.Name || d.Namespace != "pre" || len(pod.ImagePullSecrets) != 1 || pod.ImagePullSecrets[0].Name != "regcred" {
		t.Errorf("class %s, namespace %s, secrets %v", pod.PriorityClassName, d.Namespace, pod.ImagePullSecrets)
	}
	want := map[string]string{"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "example.com/pool": "general"}
	if !labels.Equals(pod.NodeSelector, want) {
		t.Errorf("nodes %v, want %v", pod.NodeSelector, want)
	}
	if got, want := imagesOf(d), []string{"registry.example.com/shop/web:1.4.1@" + string(digestA), "registry.example.com/shop/web:1.4.1", "nginx", "docker.io/library/redis@" + string(digestB)}; !slices.Equal(got, want) {
		t.Errorf("images %q, want %q", got, want)
	}
	if got := *d.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable; got != intstr.FromString("10%") {
		t.Errorf("maxUnavailable %v", got)
	}
}

// TestVirtualNodes: no pod goes to a virtual node, where it would be an instance that is
// paid for; to nodes with and without that label's other values it does.
func TestVirtualNodes(t *testing.T) {
	docs := documents(t, render(t, DaemonSet, shop(), Options{}))
	terms := daemonSetOf(t, docs[1]).Spec.Template.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 || len(terms[0].MatchExpressions) != 1 {
		t.Fatalf("terms %+v", terms)
	}
	x := terms[0].MatchExpressions[0]
	r, err := labels.NewRequirement(x.Key, selection.Operator(strings.ToLower(string(x.Operator))), x.Values)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		node labels.Set
		want bool
	}{{labels.Set{"type": "virtual-kubelet"}, false}, {labels.Set{"type": "gpu"}, true}, {labels.Set{}, true}} {
		if got := r.Matches(test.node); got != test.want {
			t.Errorf("node %v: %v", test.node, got)
		}
	}
}

// TestNoShell: nothing of an image is run but what the first container put into the
// volume that all have, so that it may hold nothing at all.
func TestNoShell(t *testing.T) {
	docs := documents(t, render(t, DaemonSet, shop(), Options{Nodes: NodeOptions{HelperImage: "r.example/busybox:1", PriorityClass: "low"}}))
	if len(docs) != 1 {
		t.Fatalf("%d documents, though the class is there", len(docs))
	}
	pod := daemonSetOf(t, docs[0]).Spec.Template.Spec
	helper := pod.InitContainers[0]
	made := helper.Command[len(helper.Command)-1]
	if helper.Image != "r.example/busybox:1" || !strings.HasPrefix(made, helper.VolumeMounts[0].MountPath+"/") || helper.VolumeMounts[0].ReadOnly {
		t.Errorf("the helper: %+v", helper)
	}
	for _, c := range pod.InitContainers[1:] {
		if len(c.Command) != 1 || c.Command[0] != made || len(c.Args) > 0 || c.WorkingDir != "/" {
			t.Errorf("%s runs %q %q in %q", c.Name, c.Command, c.Args, c.WorkingDir)
		}
		if len(c.VolumeMounts) != 1 || c.VolumeMounts[0].Name != helper.VolumeMounts[0].Name || c.VolumeMounts[0].MountPath != helper.VolumeMounts[0].MountPath || !c.VolumeMounts[0].ReadOnly {
			t.Errorf("%s mounts %+v", c.Name, c.VolumeMounts)
		}
	}
}

// TestEmpty: a set without its images has the same name and selector, so that applying
// the whole one changes it, and other pods, so that it does so node by node.
func TestEmpty(t *testing.T) {
	empty := daemonSetOf(t, documents(t, render(t, DaemonSet, shop(), Options{Nodes: NodeOptions{Empty: true}}))[1])
	whole := daemonSetOf(t, documents(t, render(t, DaemonSet, shop(), Options{}))[1])
	if len(empty.Spec.Template.Spec.InitContainers) > 0 || empty.Name != whole.Name || !reflect.DeepEqual(empty.Spec.Selector, whole.Spec.Selector) {
		t.Errorf("%+v", empty)
	}
	whole.Spec.Template.Spec.InitContainers = nil
	if !reflect.DeepEqual(empty, whole) {
		t.Errorf("they differ in more than the images: %+v, %+v", empty, whole)
	}
}

// TestMaxUnavailable: a number is one in the document, not a text.
func TestMaxUnavailable(t *testing.T) {
	for given, want := range map[string]intstr.IntOrString{"3": intstr.FromInt32(3), "100%": intstr.FromString("100%")} {
		docs := documents(t, render(t, DaemonSet, shop(), Options{Nodes: NodeOptions{MaxUnavailable: given}}))
		if got := *daemonSetOf(t, docs[1]).Spec.UpdateStrategy.RollingUpdate.MaxUnavailable; got != want {
			t.Errorf("%s: %v (%d)", given, got, got.Type)
		}
	}
}

// TestPin: how images are named. A tag alone is pulled where no digest is known, unless
// only digests will do.
func TestPin(t *testing.T) {
	web, redis := "registry.example.com/shop/web:1.4.1", "docker.io/library/redis@"+string(digestB)
	for pin, want := range map[string][]string{
		"":      {web + "@" + string(digestA), web, "nginx", redis},
		PinTag:  {web, "nginx", redis},
		PinBoth: {web + "@" + string(digestA), web, "nginx", redis},
	} {
		docs := documents(t, render(t, DaemonSet, shop(), Options{Nodes: NodeOptions{Pin: pin}}))
		if got := imagesOf(daemonSetOf(t, docs[1])); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", pin, got, want)
		}
	}
	in, opt := shop(), Options{Nodes: NodeOptions{Pin: PinDigest}}
	if _, err := Render(DaemonSet, in, opt); !errors.Is(err, ErrNoDigest) || !strings.Contains(err.Error(), "nginx; give an inventory") {
		t.Errorf("without a digest: %v", err)
	}
	in.Digests = map[string]layers.Digest{"nginx": digestB}
	want := []string{web + "@" + string(digestA), "nginx@" + string(digestB), redis}
	if got := imagesOf(daemonSetOf(t, documents(t, render(t, DaemonSet, in, opt))[1])); !slices.Equal(got, want) {
		t.Errorf("by digest: %q, want %q", got, want)
	}
}

// TestVerdicts: a pool whose images the plan advises not to pull ahead is exported only
// when it is named.
func TestVerdicts(t *testing.T) {
	in := shop()
	baked := in.Pools[0]
	baked.Name, baked.Verdict = "Baked Pool", Baked
	in.Pools = append(in.Pools, baked)
	count := func(format Format, opt Options) int {
		n := 0
		for _, d := range documents(t, render(t, format, in, opt)) {
			if k := kindIn(t, d); k == "DaemonSet" || k == "ImageListPullJob" {
				n++
			}
		}
		return n
	}
	for _, format := range []Format{DaemonSet, ImagePullJob} {
		if got := count(format, Options{}); got != 1 {
			t.Errorf("%s: %d pools, one of which is to be baked", format, got)
		}
		if got := count(format, Options{Pools: []string{"Baked Pool", "general"}}); got != 2 {
			t.Errorf("%s: %d pools of 2 that are named", format, got)
		}
	}
	in.Pools[1].Images = []Image{{"r.example/baked:1", ""}}
	if got := render(t, ImageList, in, Options{}); !strings.Contains(string(got), "r.example/baked:1") || !strings.Contains(string(got), "nginx") {
		t.Errorf("a disk holds %s", got)
	}
}

// TestPullJob holds the jobs to the definition of theirs.
func TestPullJob(t *testing.T) {
	in := shop()
	var many []Image
	for i := range 256 {
		many = append(many, Image{Reference: "r.example/app:" + strings.Repeat("x", i/16+1) + string(rune('a'+i%16))})
	}
	in.Pools = append(in.Pools, Pool{Name: "Many", Platform: "linux/amd64", Verdict: PrePull, Images: many, NodeSelector: map[string]string{"pool": "many"}})
	docs := documents(t, render(t, ImagePullJob, in, Options{Namespace: "pre", ImagePullSecrets: []string{"regcred"}, Nodes: NodeOptions{Parallelism: 7}}))
	if len(docs) != 3 {
		t.Fatalf("%d jobs of 2 pools, one with 256 images", len(docs))
	}
	s := schema(t, "imagelistpulljob.schema.json")
	names := map[any]bool{}
	for _, d := range docs {
		valid(t, s, d)
		o := decoded(t, d).(map[string]any)
		names[o["metadata"].(map[string]any)["name"]] = true
		if got := o["spec"].(map[string]any)["parallelism"]; got.(interface{ String() string }).String() != "7" {
			t.Errorf("parallelism %v", got)
		}
	}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
}
