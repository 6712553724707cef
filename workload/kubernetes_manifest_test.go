package workload

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

// appLine is an app in one line, to compare.
func appLine(a App, o Origin) string {
	line := fmt.Sprintf("%s %s %v", o.Controller, a.Name, a.Images)
	if len(a.InitImages) > 0 {
		line += fmt.Sprintf(" init %v", a.InitImages)
	}
	line += fmt.Sprintf(" %v/day", a.StartsPerDay)
	for _, b := range a.Bursts {
		line += fmt.Sprintf(" burst %d", b.Count)
	}
	return line
}

func appLines(in *Imported) []string {
	lines := []string{}
	for i, a := range in.Workload.Apps {
		lines = append(lines, appLine(a, in.Origins[i]))
	}
	return lines
}

func useLines(uses []ImageUse) []string {
	lines := []string{}
	for _, u := range uses {
		lines = append(lines, fmt.Sprintf("%d %s: %s", u.Line, u.Reference, u.Where))
	}
	return lines
}

// The kinds, each in the form that its own documentation shows, cut down to what
// says something of images. The lines are counted by hand.
func TestManifestKinds(t *testing.T) {
	for _, test := range []struct {
		name, text string
		apps, uses []string
	}{
		{"Pod", `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: x}
spec:
  initContainers: [{name: wait, image: "busybox:1"}, {name: mesh, image: "mesh:1", restartPolicy: Always}]
  containers:
  - name: c
    image: a:1
  ephemeralContainers: [{name: debug, image: "debug:1"}]
  volumes:
  - name: model
    image: {reference: "model:1", pullPolicy: IfNotPresent}
  - {name: data, emptyDir: {}}
`, []string{"Pod x/a [a:1 model:1] init [busybox:1 mesh:1] 0/day"},
			[]string{"6 busybox:1: Pod x/a, init container wait", "6 mesh:1: Pod x/a, init container mesh", "9 a:1: Pod x/a, container c", "13 model:1: Pod x/a, image volume model"}},
		{"PodTemplate", `
apiVersion: v1
kind: PodTemplate
metadata: {name: a}
template:
  spec: {containers: [{name: c, image: "a:1"}]}
`, []string{"PodTemplate default/a [a:1] 1/day"}, []string{"6 a:1: PodTemplate a, container c"}},
		{"Deployment", workloadManifest("apps/v1", "Deployment", "replicas: 3"),
			[]string{"Deployment default/a [a:1] 3/day"}, []string{"9 a:1: Deployment a, container c"}},
		{"Deployment without replicas", workloadManifest("apps/v1", "Deployment", "paused: false"),
			[]string{"Deployment default/a [a:1] 1/day"}, []string{"9 a:1: Deployment a, container c"}},
		{"Deployment scaled to 0", workloadManifest("apps/v1", "Deployment", "replicas: 0"),
			[]string{"Deployment default/a [a:1] 0/day"}, []string{"9 a:1: Deployment a, container c"}},
		{"ReplicaSet", workloadManifest("apps/v1", "ReplicaSet", "replicas: 2"),
			[]string{"ReplicaSet default/a [a:1] 2/day"}, []string{"9 a:1: ReplicaSet a, container c"}},
		{"ReplicationController", workloadManifest("v1", "ReplicationController", "replicas: 2"),
			[]string{"ReplicationController default/a [a:1] 2/day"}, []string{"9 a:1: ReplicationController a, container c"}},
		{"StatefulSet", workloadManifest("apps/v1", "StatefulSet", "replicas: 2"),
			[]string{"StatefulSet default/a [a:1] 2/day"}, []string{"9 a:1: StatefulSet a, container c"}},
		{"DaemonSet", workloadManifest("apps/v1", "DaemonSet", "minReadySeconds: 5"),
			[]string{"DaemonSet default/a [a:1] 1/day"}, []string{"9 a:1: DaemonSet a, container c"}},
		{"Job", workloadManifest("batch/v1", "Job", "completions: 4"),
			[]string{"Job default/a [a:1] 0/day burst 4"}, []string{"9 a:1: Job a, container c"}},
		{"Job of a queue", workloadManifest("batch/v1", "Job", "parallelism: 7"),
			[]string{"Job default/a [a:1] 0/day burst 7"}, []string{"9 a:1: Job a, container c"}},
		{"CronJob", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: a}
spec:
  schedule: "30 */6 * * *"
  jobTemplate:
    spec:
      parallelism: 2
      template:
        spec:
          containers:
          - {name: c, image: "a:1"}
`, []string{"CronJob default/a [a:1] 8/day"}, []string{"13 a:1: CronJob a, container c"}},
		{"Argo Rollout", workloadManifest("argoproj.io/v1alpha1", "Rollout", "replicas: 5"),
			[]string{"Rollout default/a [a:1] 5/day"}, []string{"9 a:1: Rollout a, container c"}},
		{"OpenKruise CloneSet", workloadManifest("apps.kruise.io/v1alpha1", "CloneSet", "replicas: 5"),
			[]string{"CloneSet default/a [a:1] 5/day"}, []string{"9 a:1: CloneSet a, container c"}},
		{"OpenKruise Advanced StatefulSet", workloadManifest("apps.kruise.io/v1beta1", "StatefulSet", "replicas: 5"),
			[]string{"StatefulSet default/a [a:1] 5/day"}, []string{"9 a:1: StatefulSet a, container c"}},
		{"OpenKruise SidecarSet", `
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: a}
spec:
  containers:
  - name: c
    image: a:1
  initContainers:
  - name: i
    image: i:1
`, []string{}, []string{"11 i:1: SidecarSet a, init container i", "8 a:1: SidecarSet a, container c"}},
		{"OpenKruise ImagePullJob", `
apiVersion: apps.kruise.io/v1alpha1
kind: ImagePullJob
metadata: {name: a}
spec:
  image: a:1
  parallelism: 10
`, []string{}, []string{"6 a:1: ImagePullJob a, list of images"}},
		{"OpenKruise ImageListPullJob", `
apiVersion: apps.kruise.io/v1alpha1
kind: ImageListPullJob
metadata: {name: a}
spec:
  images:
  - a:1
  - b:1
`, []string{}, []string{"7 a:1: ImageListPullJob a, list of images", "8 b:1: ImageListPullJob a, list of images"}},
		{"ECI ImageCache", `
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: a}
spec:
  images:
  - a:1
  imagePullSecrets:
  - default:secret1
  imageCacheSize: 25
`, []string{}, []string{"7 a:1: ImageCache a, list of images"}},
		{"kube-fledged ImageCache", `
apiVersion: kubefledged.io/v1alpha2
kind: ImageCache
metadata: {name: a, namespace: x}
spec:
  cacheSpec:
  - images:
    - a:1
`, []string{}, []string{"8 a:1: ImageCache x/a, list of images"}},
		{"Knative Service", `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - image: a:1
`, []string{"Service default/a [a:1] 1/day"}, []string{"9 a:1: Service a, container"}},
		{"Knative Configuration", strings.Replace(workloadManifest("serving.knative.dev/v1", "Configuration", "x: 1"), "name: c", "name: user", 1),
			[]string{"Configuration default/a [a:1] 1/day"}, []string{"9 a:1: Configuration a, container user"}},
		{"Knative Revision", `
apiVersion: serving.knative.dev/v1
kind: Revision
metadata: {name: a}
spec:
  containerConcurrency: 0
  containers: [{name: c, image: "a:1"}]
`, []string{"Revision default/a [a:1] 1/day"}, []string{"7 a:1: Revision a, container c"}},
		{"Tekton Task", `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: a}
spec:
  stepTemplate: {image: "base:1"}
  steps:
  - name: compile
    image: a:1
    script: make
  - name: more
  sidecars:
  - name: db
    image: db:1
`, []string{"Task default/a [a:1 base:1 db:1] 1/day"},
			[]string{"9 a:1: Task a, step compile", "6 base:1: Task a, step template", "14 db:1: Task a, sidecar db"}},
		{"Tekton TaskRun", `
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {generateName: a-}
spec:
  taskSpec:
    steps:
    - image: a:1
`, []string{"TaskRun default/a [a:1] 0/day burst 1"}, []string{"8 a:1: TaskRun a, step"}},
		{"Tekton PipelineRun", `
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: a}
spec:
  pipelineSpec:
    tasks:
    - name: build
      taskSpec: {steps: [{name: s, image: "a:1"}]}
    - name: test
      taskSpec: {steps: [{name: s, image: "b:1"}]}
    - name: elsewhere
      taskRef: {name: x}
`, []string{"PipelineRun default/a/build [a:1] 0/day burst 1", "PipelineRun default/a/test [b:1] 0/day burst 1"},
			[]string{"9 a:1: PipelineRun a, build, step s", "11 b:1: PipelineRun a, test, step s"}},
		{"Argo Workflow", `
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: etl-}
spec:
  entrypoint: main
  parallelism: 3
  templates:
  - name: main
    steps: [[{name: x, template: load}], [{name: y, template: sum}]]
  - name: load
    initContainers: [{name: i, image: "i:1"}]
    container: {image: "a:1"}
    sidecars: [{name: s, image: "s:1"}]
  - name: sum
    script: {image: "b:1", source: x}
  - name: both
    containerSet: {containers: [{name: c1, image: "c:1"}, {name: c2, image: "c:2"}]}
`, []string{
			"Workflow default/etl/both [c:1 c:2] 0/day burst 1", "Workflow default/etl/load [a:1 s:1] init [i:1] 0/day burst 1", "Workflow default/etl/sum [b:1] 0/day burst 1",
		}, []string{
			"12 i:1: Workflow etl, load, init container i", "13 a:1: Workflow etl, load, container", "14 s:1: Workflow etl, load, sidecar s",
			"16 b:1: Workflow etl, sum, script", "18 c:1: Workflow etl, both, container c1", "18 c:2: Workflow etl, both, container c2",
		}},
		{"Argo CronWorkflow", `
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: a}
spec:
  schedules: ["0 * * * *", "@daily"]
  workflowSpec:
    templates:
    - name: main
      container: {image: "a:1"}
`, []string{"CronWorkflow default/a [a:1] 25/day"}, []string{"10 a:1: CronWorkflow a, container"}},
		{"KubeVirt VirtualMachine", `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  template:
    spec:
      domain: {devices: {disks: [{name: root}]}}
      volumes:
      - name: root
        containerDisk: {image: "disk:1"}
      - name: data
        persistentVolumeClaim: {claimName: d}
`, []string{"VirtualMachine default/a [disk:1] 1/day"}, []string{"11 disk:1: VirtualMachine a, container disk root"}},
		{"Kubeflow PyTorchJob", `
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: a}
spec:
  pytorchReplicaSpecs:
    Master: {replicas: 1, template: {spec: {containers: [{name: c, image: "a:1"}]}}}
    Worker: {replicas: 8, template: {spec: {containers: [{name: c, image: "a:1"}]}}}
`, []string{"PyTorchJob default/a/Master [a:1] 0/day burst 1", "PyTorchJob default/a/Worker [a:1] 0/day burst 8"},
			[]string{"7 a:1: PyTorchJob a, Master, container c"}},
		{"JobSet", `
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: a}
spec:
  replicatedJobs:
  - name: workers
    replicas: 2
    template: {spec: {parallelism: 4, completions: 4, template: {spec: {containers: [{name: c, image: "a:1"}]}}}}
`, []string{"JobSet default/a [a:1] 0/day burst 8"}, []string{"9 a:1: JobSet a, container c"}},
		{"OpenShift Template", `
apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: t}
objects:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: {template: {spec: {containers: [{name: c, image: "a:1"}, {name: d, image: "${IMAGE}"}]}}}
parameters: [{name: IMAGE}]
`, []string{"Deployment default/a [a:1] 1/day"}, []string{"9 a:1: Deployment a, container c"}},
		{"a typed list", `
apiVersion: apps/v1
kind: DeploymentList
items:
- metadata: {name: a}
  spec: {replicas: 2, template: {spec: {containers: [{name: c, image: "a:1"}]}}}
`, []string{"Deployment default/a [a:1] 2/day"}, []string{"6 a:1: Deployment a, container c"}},
		{"policies and schemas", `
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: a}
spec: {rules: [{validate: {pattern: {spec: {containers: [{image: "!*:latest"}]}}}}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: {versions: [{schema: {default: {containers: [{image: "x"}]}}}]}
---
apiVersion: v1
kind: Node
status: {images: [{names: ["a:1"]}]}
---
apiVersion: example.com/v1
kind: Other
metadata: {name: a}
spec: {containers: [{image: "a:1", resources: 5}], container: "x", steps: 5, volumes: {}}
`, []string{}, []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := FromKubernetes("a.yaml", strings.NewReader("#"+test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.apps, appLines(in)); diff != "" {
				t.Errorf("apps (-want +got):\n%s", diff)
			}
			if err := in.Workload.Validate(); err != nil {
				t.Error(err)
			}
			uses, notes, err := ImagesOf("a.yaml", strings.NewReader("#"+test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.uses, useLines(uses)); diff != "" {
				t.Errorf("images (-want +got):\n%s\n%q", diff, notes)
			}
		})
	}
}

// workloadManifest has its image in line 9, after the comment that tests put
// before it.
func workloadManifest(version, kind, field string) string {
	return fmt.Sprintf(`
apiVersion: %s
kind: %s
metadata: {name: a}
spec:
  %s
  template:
    spec:
      containers: [{name: c, image: "a:1"}]
`, version, kind, field)
}

// What a Deployment's template says of resources and policy holds as a pod's
// does.
func TestManifestSpec(t *testing.T) {
	in, err := FromKubernetes("a.yaml", strings.NewReader(`
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      initContainers: [{name: i, image: "i:1", imagePullPolicy: Always, resources: {requests: {cpu: 3}}}]
      containers:
      - {name: c, image: "a:1", imagePullPolicy: Always, resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: "2Gi"}}}
      - {name: d, image: "b:1", imagePullPolicy: Always, resources: {requests: {cpu: 0.25, memory: 5.12e+8}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := App{
		Name: "default/a", InitImages: []string{"i:1"}, Images: []string{"a:1", "b:1"}, StartsPerDay: 1, Runtime: 24 * time.Hour,
		CPU: 3, MemoryGiB: 1.476837, PullPolicy: "Always", Controller: "Deployment",
	}
	if diff := cmp.Diff(want, in.Workload.Apps[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if o := in.Origins[0]; o.Resources != "requested" || o.Pods != 0 || o.Controller != "Deployment" || in.Manifests != 1 || in.Pods != 0 {
		t.Errorf("got %+v, %+v", o, in)
	}
	if !slices.ContainsFunc(in.Notes, func(n string) bool { return strings.HasPrefix(n, "limits are above the requests") }) {
		t.Errorf("notes: %q", in.Notes)
	}
}

// Where pods are in the input, what started them makes no second app; the rest
// does.
func TestManifestsBesidePods(t *testing.T) {
	const (
		spec   = `"spec":{"containers":[{"name":"c","image":"a:1"}]}`
		tmpl   = `"spec":{"replicas":3,"template":{` + spec + `}}`
		pod    = `{"kind":"Pod","metadata":{"name":"p","labels":{%s},"ownerReferences":[{"kind":"%s","name":"%s","controller":true}]},` + spec + `}`
		deploy = `{"kind":"Deployment","metadata":{"name":"web"},` + tmpl + `}`
		set    = `{"kind":"ReplicaSet","metadata":{"name":"web-7d4b9","labels":{"pod-template-hash":"7d4b9"},"ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]},` + tmpl + `}`
		old    = `{"kind":"ReplicaSet","metadata":{"name":"web-1","ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]},"spec":{"replicas":0,"template":{"spec":{"containers":[{"image":"old:1"}]}}}}`
		cronJ  = `{"kind":"CronJob","metadata":{"name":"n"},"spec":{"schedule":"@hourly","jobTemplate":{"spec":{"template":{` + spec + `}}}}}`
		job    = `{"kind":"Job","metadata":{"name":"n-29923320","ownerReferences":[{"kind":"CronJob","name":"n","controller":true}]},"spec":{"template":{` + spec + `}}}`
		ksvc   = `{"kind":"Service","metadata":{"name":"k"},` + tmpl + `}`
		rev    = `{"kind":"Revision","metadata":{"name":"k-1","ownerReferences":[{"kind":"Service","name":"k","controller":true}]},` + spec + `}`
		kdep   = `{"kind":"Deployment","metadata":{"name":"k-1-d","ownerReferences":[{"kind":"Revision","name":"k-1","controller":true}]},` + tmpl + `}`
		other  = `{"kind":"StatefulSet","metadata":{"name":"db"},` + tmpl + `}`
	)
	pods := func(labels, kind, name string) string { return fmt.Sprintf(pod, labels, kind, name) }
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"Deployment, ReplicaSets and pod", deploy + set + old + pods(`"pod-template-hash":"7d4b9"`, "ReplicaSet", "web-7d4b9"), []string{"Deployment web by pods"}},
		{"pod first", pods(`"pod-template-hash":"7d4b9"`, "ReplicaSet", "web-7d4b9") + deploy, []string{"Deployment web by pods"}},
		{"no pod", deploy + set + old, []string{"Deployment web"}},
		{"ReplicaSets alone", set + old, []string{"Deployment web"}},
		{"a ReplicaSet and its pod", set + pods(`"pod-template-hash":"7d4b9"`, "ReplicaSet", "web-7d4b9"), []string{"Deployment web by pods"}},
		{"another namespace's", strings.Replace(deploy, `"name":"web"`, `"name":"web","namespace":"z"`, 1) + pods(`"pod-template-hash":"7d4b9"`, "ReplicaSet", "web-7d4b9"), []string{"Deployment web by pods", "Deployment web"}},
		{"CronJob, Job and pod", cronJ + job + pods("", "Job", "n-29923320"), []string{"CronJob n by pods"}},
		{"CronJob and Job", job + cronJ, []string{"CronJob n"}},
		{"Job of a CronJob", job, []string{"CronJob n"}},
		{"Knative down to the pod", ksvc + rev + kdep + pods(`"pod-template-hash":"9"`, "ReplicaSet", "k-1-d-9"), []string{"Deployment k-1-d by pods"}},
		{"Knative by its label", ksvc + pods(`"pod-template-hash":"9","serving.knative.dev/service":"k"`, "ReplicaSet", "k-1-d-9"), []string{"Deployment k-1-d by pods"}},
		{"Knative without pods", kdep + rev + ksvc, []string{"Service k"}},
		{"pods of one, another without", deploy + other + pods(`"pod-template-hash":"7d4b9"`, "ReplicaSet", "web-7d4b9"), []string{"StatefulSet db", "Deployment web by pods"}},
		{"a custom kind", strings.Replace(other, "StatefulSet", "CloneSet", 1) + pods("", "CloneSet", "db"), []string{"CloneSet db by pods"}},
		{"twice", deploy + deploy, []string{"Deployment web"}},
		{"owners in a ring", strings.Replace(rev, `"kind":"Service","name":"k"`, `"kind":"Revision","name":"k-1"`, 1) + other, []string{"StatefulSet db"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := FromKubernetes("a.json", strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, a := range in.Workload.Apps {
				line := in.Origins[i].Controller + " " + a.Name[strings.LastIndexByte(a.Name, '/')+1:]
				if in.Origins[i].Pods > 0 {
					line += " by pods"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// The images of old ReplicaSets are no one's.
			uses, _, err := ImagesOf("a.json", strings.NewReader(test.text))
			if err != nil || len(uses) != 1 || uses[0].Reference != "a:1" {
				t.Errorf("images: %v, %v", uses, err)
			}
		})
	}
}

// Parts and objects whose apps would be called the same.
func TestManifestNames(t *testing.T) {
	spec := `spec: {containers: [{image: "a:1"}]}`
	in, err := FromKubernetes("a.yaml", strings.NewReader(`
kind: A
metadata: {name: x}
spec: {one: {template: {`+spec+`}}, two: {template: {`+spec+`}}, more: {one: {template: {`+spec+`}}}}
---
kind: Deployment
metadata: {name: x}
spec: {template: {`+spec+`}}
---
kind: StatefulSet
metadata: {name: x}
spec: {template: {`+spec+`}}
---
kind: B
metadata: {name: deployment}
spec: {x: {`+spec+`}, "bad\u001bkey": {`+spec+`}, list: [{`+spec+`}, {name: n, `+spec+`}, {name: "no name", `+spec+`}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"B default/deployment/1", "B default/deployment/3", "B default/deployment/n", "B default/deployment", "B default/deployment/x",
		"Deployment default/deployment/x-2", "StatefulSet default/statefulset/x", "A default/x/one", "A default/x/one-2", "A default/x/two",
	}
	var got []string
	for i, a := range in.Workload.Apps {
		got = append(got, in.Origins[i].Controller+" "+a.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The mean of a schedule against the runs that the library counts up over the
// same 28 years, or a week of it where every week is alike.
func TestCronPerDay(t *testing.T) {
	for _, text := range []string{
		"0 0 * * *", "30 */6 * * *", "0 9-17 * * 1-5", "0 0 1 * *", "0 0 31 * *", "0 0 29 2 *", "15 3 13 * 5", "0 0 */2 * *", "0 0 * * SUN",
		"5,10 4 1-7 JAN,jul *", "@daily", "@weekly", "@monthly", "@yearly", "@hourly", "CRON_TZ=Europe/Paris 0 0 * * *", "TZ=UTC 0 12 * * ?", "  0  0 * * *",
		"* * * * *", "*/7 * * * *", "0 */5 * * *", "@every 90s", "@every 36h",
	} {
		got, ok := cronPerDay(text)
		if !ok {
			t.Errorf("%s: not plain", text)
			continue
		}
		if i := strings.Index(text, "TZ="); i >= 0 {
			text = text[strings.IndexByte(text, ' '):]
		}
		schedule, err := cron.ParseStandard(strings.TrimSpace(text))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		end, runs := begin.AddDate(28, 0, 0), 0
		if got > 1 {
			end = begin.AddDate(0, 0, 7)
		}
		// Next never gives the time itself.
		for at := schedule.Next(begin.Add(-time.Second)); at.Before(end); at = schedule.Next(at) {
			runs++
		}
		want := float64(runs) / (end.Sub(begin).Hours() / 24)
		if math.Abs(got-want) > want*1e-3 {
			t.Errorf("%s: got %v a day, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "H * * * *", "* * * *", "* * * * * *", "60 * * * *", "@reboot", "{{ .Values.cron }}", "TZ=UTC", "TZ=", "CRON_TZ=a TZ=b", "*/0 * * * *", "a\nb"} {
		if got, ok := cronPerDay(text); ok {
			t.Errorf("%q: got %v a day", text, got)
		}
	}
}

func TestManifestSchedules(t *testing.T) {
	for _, test := range []struct{ name, fields, want, note string }{
		{"plain", `schedule: "0 0 * * *"`, "1/day by its schedule", ""},
		{"of the week", `schedule: "0 0 * * 1"`, "0.143/day by its schedule", ""},
		{"every minute of the week", `schedule: "* * * * *"`, "1440/day by its schedule", ""},
		{"with a zone", "schedule: \"0 0 * * *\"\n  timeZone: Asia/Shanghai", "1/day by its schedule", ""},
		{"suspended", "schedule: \"0 0 * * *\"\n  suspend: true", "0/day its schedule is suspended", "startsPerDay is 0, as the schedule is suspended: default/a"},
		{"not plain", `schedule: "H H * * *"`, "1/day unknown: no plain schedule", "startsPerDay is unknown, as the manifest has no plain cron schedule: 1 stands in: put it in: default/a"},
		{"not rendered", `schedule: {{ .Values.cron }}`, "1/day unknown: no plain schedule", "startsPerDay is unknown, as the manifest has no plain cron schedule"},
		{"none", `suspend: false`, "1/day unknown: no plain schedule", "startsPerDay is unknown, as the manifest has no plain cron schedule"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := FromKubernetes("a.yaml", strings.NewReader(`
kind: CronJob
metadata: {name: a}
spec:
  `+test.fields+`
  jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: "a:1"}]}}}}
`))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%v/day %s", in.Workload.Apps[0].StartsPerDay, in.Origins[0].StartsPerDay); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			has := slices.ContainsFunc(in.Notes, func(n string) bool { return strings.Contains(n, "schedule") && strings.HasPrefix(n, test.note) })
			if has != (test.note != "") {
				t.Errorf("notes: %q", in.Notes)
			}
		})
	}
}

// Images that are not rendered are named with file and line, and left out.
func TestUnrendered(t *testing.T) {
	const text = `kind: Deployment
metadata: {name: a, namespace: {{ .Values.namespace }}, labels: {{ .Values.labels }}}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: one
        image: {{ .Values.image | quote }}
      - name: two
        image: "{{ .Values.repository }}:{{ .Values.tag }}"
        imagePullPolicy: "{{ .Values.policy }}"
        resources: {requests: {cpu: "{{ .Values.cpu }}", memory: 1Gi}}
      - {name: three, image: "a:1"}
---
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: four
    image: ${REGISTRY}/b:1
  - name: five
    image: $(IMAGE)
  - name: six
    image: b:1
---
kind: Task
metadata: {name: t}
spec: {steps: [{name: s, image: $(params.image)}]}
`
	uses, notes, err := ImagesOf("a.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	where := "{{ .Values.namespace }}/a"
	want := []string{"14 a:1: Deployment " + where + ", container three", "25 b:1: Pod p, container six"}
	if diff := cmp.Diff(want, useLines(uses)); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	wantNotes := []string{"images that are templates, not rendered, or parameters were left out: " +
		"a.yaml:9 {{ .Values.image | quote }} (Deployment " + where + ", container one), " +
		"a.yaml:11 {{ .Values.repository }}:{{ .Values.tag }} (Deployment " + where + ", container two), " +
		"a.yaml:21 ${REGISTRY}/b:1 (Pod p, container four), a.yaml:23 $(IMAGE) (Pod p, container five), " +
		"a.yaml:29 $(params.image) (Task t, step s)"}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	in, err := FromKubernetes("a.yaml", strings.NewReader(strings.Replace(text, "{{ .Values.namespace }}", "x", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Pod default/p [b:1] 0/day", "Deployment x/a [a:1] 1/day"}, appLines(in)); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	if note := strings.ReplaceAll(wantNotes[0], where, "x/a"); !slices.Contains(in.Notes, note) {
		t.Errorf("got %q\nwant among them %q", in.Notes, note)
	}
	if in.Workload.Apps[1].MemoryGiB != 1 || in.Workload.Apps[1].CPU != 2 {
		t.Errorf("got %+v", in.Workload.Apps[1])
	}
}
