package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// explicitAnnotation names the cache of a pod (eci §4.1). A pod takes it only when it is
// created, and with it is not created while that cache is not Ready (eci §1.10).
const explicitAnnotation = eciPrefix + "eci-imc-id"

// ErrNoID is of caches that are not built, or of which no list tells the ID.
var ErrNoID = errors.New("the ID of a cache is not known")

// PatchOptions are of the patches that name caches.
type PatchOptions struct {
	// Kind is of the objects that apps are, where neither the plan nor their names tell it;
	// empty is Deployment.
	Kind string
	// AllowPlaceholders writes patches for caches whose IDs are not known, in a form
	// that Kubernetes refuses until the ID is put in.
	AllowPlaceholders bool
}

func (o *PatchOptions) check() error {
	if _, ok := kindOf(o.Kind); o.Kind != "" && !ok {
		var names []string
		for _, k := range kinds() {
			names = append(names, k.name)
		}
		return fmt.Errorf("apps of kind %q are not patched: there are %s", o.Kind, strings.Join(names, ", "))
	}
	return nil
}

// A kind is one of Kubernetes' that make pods.
type kind struct {
	name, apiVersion string
	// path leads from the object to the metadata of its pods.
	path []string
	// fixed: what it says of its pods cannot be changed once it is made.
	fixed bool
}

func kinds() []kind {
	template := []string{"spec", "template", "metadata"}
	return []kind{
		{"Deployment", "apps/v1", template, false},
		{"StatefulSet", "apps/v1", template, false},
		{"DaemonSet", "apps/v1", template, false},
		{"ReplicaSet", "apps/v1", template, false},
		{"CronJob", "batch/v1", []string{"spec", "jobTemplate", "spec", "template", "metadata"}, false},
		{"Job", "batch/v1", template, true},
		{"Pod", "v1", []string{"metadata"}, true},
	}
}

func kindOf(name string) (kind, bool) {
	for _, k := range kinds() {
		if strings.EqualFold(k.name, name) {
			return k, true
		}
	}
	return kind{}, false
}

// A target is the object in Kubernetes that an app is.
type target struct {
	kind
	namespace, object string
}

// kindNotTold says of an app that nothing tells what kind of object it is.
func (e *exporter) kindNotTold(a *namedApp) bool {
	return a.controller == "" && e.opt.Patches.Kind == "" && strings.Count(a.app, "/") < 2
}

// targetOf reads what an app's name tells: name, namespace/name, or
// namespace/Kind/name, as workloads that are made from a cluster have them; and the kind
// that the plan tells of it. It is false of other names and kinds.
func (e *exporter) targetOf(a *namedApp) (target, bool) {
	app := a.app
	k, _ := kindOf(e.opt.Patches.Kind)
	if k.name == "" {
		k, _ = kindOf("Deployment")
	}
	patched := true
	if a.controller != "" {
		k, patched = kindOf(a.controller)
	}
	t := target{kind: k, namespace: e.opt.Namespace}
	parts := strings.Split(app, "/")
	t.object = parts[len(parts)-1]
	if len(parts) > 1 {
		t.namespace = parts[0]
	}
	if len(parts) == 3 {
		named, known := kindOf(parts[1])
		if !known {
			return t, false
		}
		t.kind, patched = named, true
	}
	if !patched {
		t.kind, _ = kindOf("Deployment") // most have a template where it has
	}
	return t, patched && len(parts) <= 3 && isSubdomain(t.object) && (t.namespace == "" || isLabel(t.namespace))
}

// A named app is one that gets a cache by name.
type namedApp struct {
	app, cache string
	// controller is the kind of object that it is; empty when not known.
	controller string
	// id is of the cache; empty when not known.
	id string
}

// podPatches writes a patch for each app that has a cache.
func (e *exporter) podPatches() ([]byte, error) {
	if e.Plan.Assign == plan.Auto {
		return nil, errors.New("this plan leaves it to ECI's matching which cache a start gets: pods need no annotation; to name the caches, plan anew with --assign explicit (assign: explicit in a scenario)")
	}
	apps, without, err := e.namedApps()
	if err != nil {
		return nil, err
	}
	var s stream
	s.comment(
		"Patches that name each app's image cache in its pods.",
		"",
		"Beware: a pod that names a cache is not created while that cache is not Ready (Alibaba",
		"Cloud, Use an image cache CRD to accelerate pod creation). Apply a patch once its cache",
		"is Ready; before the cache is deleted or built anew, take the annotation away. It holds",
		"for pods that are made from then on; a Deployment makes its pods anew when it is patched.",
		"",
		"  kubectl apply --server-side --field-manager cachebench -f FILE     all of them",
		"",
		"The commands below apply one each. Kustomize takes the file as patches.")
	if slices.ContainsFunc(apps, func(a namedApp) bool { _, known := e.targetOf(&a); return !known }) {
		s.comment("", "Some name no object: fill in which, before the whole file is applied.")
	}
	if slices.ContainsFunc(apps, func(a namedApp) bool { return a.id == "" }) {
		s.comment("", "Some have a placeholder for the cache's ID, imc-…: Kubernetes refuses it until that is put in.")
	}
	if len(without) > 0 {
		s.comment("", "No cache is named for "+saidAll(without)+".")
	}
	for _, a := range apps {
		e.patch(&s, &a)
	}
	return s.bytes()
}

// namedApps are the apps that the plan gives caches, and those that it gives none.
func (e *exporter) namedApps() (apps []namedApp, without []string, err error) {
	wanted, err := e.caches()
	if err != nil && !errors.Is(err, ErrNothing) {
		return nil, nil, err
	}
	planned := map[string]*plan.PlannedCache{}
	for i := range e.Plan.Caches {
		planned[e.Plan.Caches[i].Name] = nil // not among the first
	}
	for i := range wanted {
		planned[wanted[i].Name] = &wanted[i]
	}
	var unknown []string
	for _, a := range e.Plan.Assignments {
		c, isPlanned := planned[a.Cache]
		if a.Cache == "" || isPlanned && c == nil {
			without = append(without, a.App)
			continue
		}
		id, err := e.idOf(a.Cache, c)
		if errors.Is(err, ErrNoID) {
			unknown = append(unknown, a.Cache)
		} else if err != nil {
			return nil, nil, err
		}
		apps = append(apps, namedApp{a.App, a.Cache, a.Controller, id})
	}
	if len(apps) == 0 {
		return nil, nil, e.nothing("no app that a cache is named for")
	}
	if unknown = unique(unknown); len(unknown) > 0 && !e.opt.Patches.AllowPlaceholders {
		return nil, nil, fmt.Errorf("%w: %s; build it, then give the list of the account's caches (--caches), or allow placeholders, which Kubernetes refuses (--allow-placeholders)", ErrNoID, saidAll(unknown))
	}
	return apps, without, nil
}

// ids are of a form that needs no quotes in a shell (eci §1.11: imc-…).
var idForm = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_.]*$`)

// idOf finds the ID of a cache: c is the planned one of that name, nil for one that
// exists already, whose name is its ID.
func (e *exporter) idOf(name string, c *plan.PlannedCache) (string, error) {
	found := -1
	for i := range e.Existing {
		x := &e.Existing[i]
		switch {
		case c == nil && x.ID != name, c != nil && x.Name != name && !sameImages(x.Images, cacheImages(c)):
			continue
		case c != nil && x.Name == name && !sameImages(x.Images, cacheImages(c)):
			return "", fmt.Errorf("cache %s of the account (%s) does not hold the images that the plan has in it: build it anew, or plan again", said(name), said(x.ID))
		case found < 0 || better(x, &e.Existing[found], name):
			found = i
		}
	}
	if c == nil && len(e.Existing) == 0 && idForm.MatchString(name) {
		return name, nil
	}
	switch {
	case found < 0 && c != nil:
		return "", ErrNoID
	case found < 0:
		return "", fmt.Errorf("cache %s, which the plan gives an app because it exists, is not among the account's caches: plan again", said(name))
	}
	x := &e.Existing[found]
	if x.Status != matcher.StatusReady {
		return "", fmt.Errorf("cache %s (%s) is %s: a pod that names it is not created until it is Ready; wait for that", said(name), said(x.ID), x.Status) // eci §1.10
	}
	if !idForm.MatchString(x.ID) {
		return "", fmt.Errorf("%q is no ID of a cache such as imc-2ze…", x.ID)
	}
	return x.ID, nil
}

// better orders caches that a planned one may have become: that of its name first, then
// the Ready, then the newest, then by ID.
func better(x, y *matcher.Cache, name string) bool {
	switch {
	case (x.Name == name) != (y.Name == name):
		return x.Name == name
	case (x.Status == matcher.StatusReady) != (y.Status == matcher.StatusReady):
		return x.Status == matcher.StatusReady
	case !x.CreationTime.Equal(y.CreationTime):
		return x.CreationTime.After(y.CreationTime)
	}
	return x.ID < y.ID
}

// sameImages says that two lists name the same images.
func sameImages(x, y []string) bool { return maps.Equal(fullNames(x), fullNames(y)) }

func fullNames(refs []string) map[string]bool {
	set := map[string]bool{}
	for _, ref := range refs {
		set[full(bare(ref))] = true
	}
	return set
}

// patch writes the document of one app.
func (e *exporter) patch(s *stream, a *namedApp) {
	t, known := e.targetOf(a)
	// Kubernetes takes only texts as annotations, so it refuses a mapping.
	var value any = a.id
	if a.id == "" {
		value = map[string]any{"placeholder": safe("the ID of cache " + a.cache + " when it is Ready")}
	}
	body := map[string]any{"annotations": map[string]any{explicitAnnotation: value}}
	for _, key := range slices.Backward(t.path) {
		body = map[string]any{key: body}
	}
	lines := []string{fmt.Sprintf("app %s: cache %s", said(a.app), said(a.cache))}
	if known && e.kindNotTold(a) {
		lines = append(lines, fmt.Sprintf("  the plan does not tell what kind of object it is: %s is taken (controller of the workload's app, --kind)", t.name))
	}
	_, patched := kindOf(a.controller)
	switch {
	case !known && a.controller != "" && !patched:
		lines = append(lines, fmt.Sprintf("  it is a %s, whose pods' metadata may stand elsewhere: fill in its apiVersion, kind and name", said(a.controller)))
	case !known:
		lines = append(lines, "  its name tells no object of Kubernetes: patch the one that makes its pods")
	case t.fixed:
		lines = append(lines, fmt.Sprintf("  a %s that is there cannot be changed: patch its manifest", t.name))
	case a.id != "":
		data, _ := json.Marshal(body) // of texts alone
		place := ""
		if t.namespace != "" {
			place = "--namespace " + t.namespace + " "
		}
		lines = append(lines, fmt.Sprintf("  kubectl %spatch %s %s --patch '%s'", place, strings.ToLower(t.name), t.object, data))
	}
	s.document(e.patchDocument(&t, known, body), lines...)
}

// patchDocument adds what says which object it is of.
func (e *exporter) patchDocument(t *target, known bool, body map[string]any) any {
	if !known {
		return body
	}
	o := object{APIVersion: t.apiVersion, Kind: t.name, Metadata: metadata{Name: t.object, Namespace: t.namespace}, Spec: body["spec"]}
	if meta, ok := body["metadata"].(map[string]any); ok { // a Pod's own
		o.Metadata.Annotations = meta["annotations"].(map[string]any)
	}
	return o
}
