package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A podTemplate is a pod as a manifest describes it.
type podTemplate struct {
	// name is of the part of the object, where it has several templates.
	name string
	spec podSpec
	// replicas is how many pods are started of it at once, if the manifest says.
	replicas int
	stated   bool
}

// podTemplates finds the pods that a manifest describes by their shape, whatever
// its kind is:
//
//   - a mapping with containers or initContainers, as every pod template of
//     Kubernetes, OpenKruise, Argo Rollouts, Knative, Kubeflow, Ray, Volcano, …;
//   - a mapping with steps (and sidecars), as a Task of Tekton;
//   - a mapping with a container, a script or a containerSet (and initContainers
//     and sidecars), as a template of Argo Workflows;
//   - a mapping with volumes that have a containerDisk, as KubeVirt's machines.
//
// Something in it must be an image. Looked at is what stands under spec, or
// under template as in a PodTemplate: not what status or data repeat.
func (o *object) podTemplates() ([]podTemplate, error) {
	if o.isAboutPods() {
		return nil, nil
	}
	w := templateWalk{object: o}
	for _, p := range []struct {
		key string
		part
	}{{"spec", o.spec}, {"template", o.template}} {
		if len(p.raw) == 0 {
			continue
		}
		if err := w.visit(parseTree(p.part), scope{path: []string{p.key}, replicas: 1}); err != nil {
			return nil, err
		}
	}
	if len(w.found) == 1 {
		w.found[0].name = ""
	}
	return w.found, nil
}

// isAboutPods tells objects that hold patterns or schemas of pods, not pods.
func (o *object) isAboutPods() bool {
	group, _, _ := strings.Cut(o.apiVersion, "/")
	return group == "apiextensions.k8s.io" || group == "admissionregistration.k8s.io" ||
		group == "kyverno.io" || strings.HasSuffix(group, ".kyverno.io") || strings.HasSuffix(group, ".gatekeeper.sh")
}

// builtIn are the kinds of Kubernetes itself that hold pod templates: what has a
// wrong type there is a fault. Elsewhere the same key may mean something else.
var builtIn = []string{
	"Pod", "PodTemplate", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob",
}

func (o *object) isBuiltIn() bool { return slices.Contains(builtIn, o.kind) }

// A templateWalk goes through an object's values.
type templateWalk struct {
	object *object
	found  []podTemplate
}

// scope is where a value stands.
type scope struct {
	path     []string
	name     string // of the innermost part with a name
	replicas int
	stated   bool
}

func (w *templateWalk) visit(t *tree, in scope) error {
	switch {
	case t.is('['):
		for i, item := range t.items {
			below := in
			below.name = strconv.Itoa(i + 1)
			for _, key := range []string{"groupName", "name"} {
				if name := item.get(key).text(); objectName.MatchString(name) {
					below.name = name
				}
			}
			if err := w.visit(item, below); err != nil {
				return err
			}
		}
	case t.is('{'):
		in.count(t)
		if s := shapeOf(t, w.object.isBuiltIn()); s != nil {
			return w.add(s, in)
		}
		for i, key := range t.keys {
			if !t.items[i].is('{') && !t.items[i].is('[') {
				continue
			}
			below := in
			below.path = append(slices.Clip(in.path), key)
			if !slices.Contains(unnamed, key) && objectName.MatchString(key) {
				below.name = key
			}
			if err := w.visit(t.items[i], below); err != nil {
				return err
			}
		}
	}
	return nil
}

// unnamed are the keys that name no part of an object.
var unnamed = []string{"spec", "template", "podTemplate", "jobTemplate", "taskSpec"}

// count takes from a mapping how many pods are made of what is below. A Job's
// completions count, else how many may run at a time.
func (in *scope) count(t *tree) {
	numbers := []*tree{t.get("replicas"), nil}
	if t.get("template") != nil {
		for _, key := range []string{"completions", "parallelism"} {
			if _, ok := t.get(key).whole(); ok && numbers[1] == nil {
				numbers[1] = t.get(key)
			}
		}
	}
	for _, number := range numbers {
		n, ok := number.whole()
		if !ok || n > 0 && in.replicas > maxReplicas/n {
			continue
		}
		in.replicas, in.stated = in.replicas*n, true
	}
}

// maxReplicas is the most pods that Kubernetes is made for in a cluster
// (Considerations for large clusters: 150,000), with room.
const maxReplicas = 1_000_000

func (w *templateWalk) add(s *shape, in scope) error {
	spec, err := s.spec(w.object, strings.Join(in.path, "."))
	if err != nil {
		if w.object.isBuiltIn() {
			return err
		}
		return nil // a mapping of that shape that is none
	}
	w.found = append(w.found, podTemplate{name: in.name, spec: *spec, replicas: in.replicas, stated: in.stated})
	return nil
}

// A shape is a mapping that describes a pod: its values by their roles.
type shape struct {
	init, main []roleValue
	volumes    []*tree
	resources  *tree
}

// roleValue is a container with what it is called in messages.
type roleValue struct {
	role, key string
	*tree
}

// shapeOf returns nil where the mapping is no pod with an image. In what is a pod
// for sure, an image that is no text is a fault to be found.
func shapeOf(t *tree, forSure bool) *shape {
	s := &shape{volumes: t.get("volumes").list()}
	add := func(to *[]roleValue, role, key string, values ...*tree) {
		for _, value := range values {
			if value.is('{') {
				*to = append(*to, roleValue{role, key, value})
			}
		}
	}
	add(&s.init, "init container", "initContainers", t.get("initContainers").list()...)
	add(&s.main, "container", "containers", t.get("containers").list()...)
	if forSure || len(s.main) > 0 {
		s.resources = t.get("resources")
	} else {
		add(&s.main, "step", "steps", t.get("steps").list()...)
		add(&s.main, "step template", "stepTemplate", t.get("stepTemplate"))
		add(&s.main, "container", "container", t.get("container"))
		add(&s.main, "script", "script", t.get("script"))
		add(&s.main, "container", "containerSet", t.get("containerSet").get("containers").list()...)
		if len(s.main) > 0 {
			add(&s.main, "sidecar", "sidecars", t.get("sidecars").list()...)
		}
	}
	for _, c := range append(slices.Clip(s.init), s.main...) {
		if image := c.get("image"); image.is('"') || forSure && image != nil {
			return s
		}
	}
	for _, v := range s.volumes {
		if v.get("containerDisk").get("image").is('"') {
			return s
		}
	}
	return nil
}

// spec decodes the shape, with the lines of its images. It stands under path.
func (s *shape) spec(o *object, path string) (*podSpec, error) {
	spec := &podSpec{}
	for _, list := range []struct {
		from []roleValue
		to   *[]container
	}{{s.init, &spec.InitContainers}, {s.main, &spec.Containers}} {
		for _, from := range list.from {
			c := container{role: from.role, line: from.line}
			if err := o.decode(path+"."+from.key, from.part, &c); err != nil {
				return nil, err
			}
			if image := from.get("image"); image != nil {
				c.line = image.line
			}
			*list.to = append(*list.to, c)
		}
	}
	for _, from := range s.volumes {
		image := from.get("image").get("reference")
		if image == nil {
			image = from.get("containerDisk").get("image")
		}
		if image == nil {
			continue
		}
		var v volume
		if err := o.decode(path+".volumes", from.part, &v); err != nil {
			return nil, err
		}
		v.line = image.line
		spec.Volumes = append(spec.Volumes, v)
	}
	if s.resources.is('{') {
		if err := o.decode(path+".resources", s.resources.part, &spec.Resources); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// located returns the pod's spec once more, with the lines of its images: they
// take a second reading, for which few pods give cause.
func (o *object) located() (*podSpec, error) {
	s := shapeOf(parseTree(o.spec), true)
	if s == nil {
		return &podSpec{}, nil
	}
	return s.spec(o, "spec")
}

// imageList returns the images of a kind that lists them, to be kept on nodes or
// in caches, and starts nothing: OpenKruise's ImagePullJob and ImageListPullJob,
// the ImageCache of ECI (eci.alibabacloud.com/v1) and of kube-fledged.
func (o *object) imageList() (images []podImage, ok bool) {
	if !slices.Contains([]string{"ImagePullJob", "ImageListPullJob", "ImageCache"}, o.kind) || len(o.spec.raw) == 0 {
		return nil, false
	}
	var visit func(key string, t *tree)
	visit = func(key string, t *tree) {
		if t.is('"') && (key == "image" || key == "images") {
			images = append(images, podImage{reference: t.text(), role: "list of images", line: t.line})
		}
		for i, item := range t.items {
			below := key
			if t.is('{') {
				below = t.keys[i]
			}
			visit(below, item)
		}
	}
	visit("spec", parseTree(o.spec))
	return images, true
}

// A podImage is an image that a pod pulls, and what for.
type podImage struct {
	reference, policy string
	role, name        string // such as "init container" and its name
	isInit            bool
	line              int // 0 where it was not looked for
}

// images are in the order in which they are listed in an app: init containers,
// containers, volumes.
func (s *podSpec) images() []podImage {
	var all []podImage
	add := func(i podImage) {
		if i.reference = strings.TrimSpace(i.reference); i.reference != "" {
			all = append(all, i)
		}
	}
	for _, c := range s.InitContainers {
		add(podImage{c.Image, c.ImagePullPolicy, c.roleOr("init container"), c.Name, true, c.line})
	}
	for _, c := range s.Containers {
		add(podImage{c.Image, c.ImagePullPolicy, c.roleOr("container"), c.Name, false, c.line})
	}
	for _, v := range s.Volumes {
		add(podImage{v.Image.Reference, v.Image.PullPolicy, "image volume", v.Name, false, v.line})
		add(podImage{v.ContainerDisk.Image, v.ContainerDisk.ImagePullPolicy, "container disk", v.Name, false, v.line})
	}
	return all
}

func (c *container) roleOr(role string) string {
	if c.role != "" {
		return c.role
	}
	return role
}

// isUnrendered tells a text that is no image but a place for one: a template of
// Helm or Argo ({{ … }}), a variable of a shell, of kustomize or of Tekton
// (${…}, $(…), $…). A reference has none of these characters.
func isUnrendered(text string) bool {
	return strings.ContainsRune(text, '$') || strings.Contains(text, "{{") || strings.Contains(text, "}}")
}

// where says in words what the image is for: "Deployment shop/web, init
// container migrate".
func (i *podImage) where(o *object, meta *metadata, part string) string {
	name := meta.name()
	if meta.Namespace != "" {
		name = meta.Namespace + "/" + name
	}
	text := strings.TrimSpace(plain(o.kindOr("object")) + " " + plain(name))
	if part != "" && part != i.name {
		text += ", " + plain(part)
	}
	return text + ", " + strings.TrimSpace(i.role+" "+plain(i.name))
}

func (o *object) kindOr(other string) string {
	if o.kind == "" {
		return other
	}
	return o.kind
}

// plain quotes a text that could do harm to a terminal or to a log.
func plain(text string) string {
	const most = 253
	short := text[:min(len(text), most)]
	if strings.ContainsFunc(short, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Sprintf("%+q", short)
	}
	return short
}
