package workload

import (
	"io"
	"slices"
)

// Imported is what pods and manifests say about a workload.
type Imported struct {
	// Workload has an app for each controller, in order of name.
	Workload Workload
	// Origins say of each of Workload.Apps where its numbers come from.
	Origins []Origin
	// Digests are what the workload's references meant when the pods were
	// started, in order of reference. References that name their digest, and
	// those whose digest no pod's status tells, are not in it.
	Digests []LockedDigest
	// Notes say, for people, what was assumed, what is only a bound and what was
	// left out.
	Notes []string
	// Pods counts the pods that the workload is made from, each once.
	Pods int
	// Manifests counts the apps that are made from a controller's manifest, as no
	// pod of it is in the input.
	Manifests int
	// OnNodes counts the apps that run on nodes: their NodePool is one of the Workload's.
	OnNodes int
	// Runtimes are those of the nodes, by name, with how many of the nodes have it; that
	// of nodes which do not tell it is empty.
	Runtimes map[string]int
	// Ages are those of the nodes of each pool, by its name; of a pool whose nodes are not
	// in the input, or do not tell when they were made, there are none.
	Ages map[string]NodeAges
	// PulledLives are how long the nodes of pools live by how many starts pulled, by the
	// pool's name; of a pool of which too few are told there is none.
	PulledLives map[string]PulledLife
	// Virtual are the apps that run on virtual nodes, each start as an instance of its
	// own, in order of name. Of apps that are on neither no pod has a node.
	Virtual []string
	// WithoutAutomatic are those of Virtual whose newest pod does not ask for automatic
	// image caches.
	WithoutAutomatic []string
	// Skipped counts the items that were not used: those that start no pods, and
	// those without name or image.
	Skipped int

	// said and placed are what Notes are made of.
	said   notes
	placed placement
}

// Only keeps the apps that are wanted, with what is said of them and of where they run.
func (in *Imported) Only(want func(*App) bool) {
	var origins []Origin
	for i := range in.Workload.Apps {
		if want(&in.Workload.Apps[i]) {
			origins = append(origins, in.Origins[i])
		}
	}
	in.Origins = origins
	in.Workload.Only(want)
	in.keep()
}

// OnInstances takes each start for an instance of its own, wherever pods run.
func (in *Imported) OnInstances() {
	for i := range in.Workload.Apps {
		in.Workload.Apps[i].NodePool, in.Workload.Apps[i].PulledFraction = "", nil
	}
	in.Workload.NodePools = nil
	in.keep()
}

// keep drops what is about apps, pools and references that the workload lacks.
func (in *Imported) keep() {
	pools := map[string]string{} // of apps
	for i := range in.Workload.Apps {
		pools[in.Workload.Apps[i].Name] = in.Workload.Apps[i].NodePool
	}
	lacks := func(app string) bool { _, ok := pools[app]; return !ok }
	used := in.Workload.References()
	in.Digests = slices.DeleteFunc(in.Digests, func(l LockedDigest) bool { return !slices.Contains(used, l.Reference) })
	in.OnNodes = 0
	for _, pool := range pools {
		if pool != "" {
			in.OnNodes++
		}
	}
	in.Virtual, in.WithoutAutomatic = slices.DeleteFunc(in.Virtual, lacks), slices.DeleteFunc(in.WithoutAutomatic, lacks)
	in.placed.waiting = slices.DeleteFunc(in.placed.waiting, lacks)
	in.said.keep(pools, used)
	in.Notes = in.notes()
}

// notes are what is said of where apps run and then of the rest.
func (in *Imported) notes() []string {
	texts := append(placeNotes(in), in.said.texts()...)
	if in.placed.events {
		texts = append(texts, "how long pulls took, and starts over a day or more, cachebench workload import tells from the same events (docs/import.md)")
	}
	return texts
}

// LockedDigest is a reference and the digest of the manifest or index that it
// meant.
type LockedDigest struct {
	Reference string
	// Digest is "sha256:" and 64 hex digits, or sha512 likewise.
	Digest string
}

// Origin says in words where an app's numbers come from.
type Origin struct {
	// Controller is what starts the pods, such as "Deployment" or "Pod".
	Controller string
	// Pods is the number of the app's pods in the input; 0 where the app is made
	// from a manifest.
	Pods int
	// StartsPerDay, HourlyWeights, Runtime and Resources are phrases without a full stop.
	// HourlyWeights is empty where no rhythm was looked for.
	StartsPerDay, HourlyWeights, Runtime, Resources string
}

// FromKubernetes makes a workload of one input; see Importer.
func FromKubernetes(name string, r io.Reader) (*Imported, error) {
	var i Importer
	if err := i.Read(name, r); err != nil {
		return nil, err
	}
	return i.Imported(), nil
}

// An Importer makes a workload of Kubernetes objects: pods as "kubectl get pods
// -A -o json" prints them, manifests as "helm template" and "kubectl kustomize"
// do, or both, in one input or several. Its zero value has read nothing.
//
// An input is JSON or YAML: objects, lists and typed lists of them, arrays, one
// after another or as documents of YAML. Items that start no pods are counted,
// not used. An object that stands more than once, as in looks at a cluster at
// different times, counts once, as it stands last.
//
// Pods of one controller are one app, called namespace/controller: a
// ReplicaSet's belong to its Deployment, a Job's to its CronJob, and a pod
// without controller is an app of its own. Where they differ in images or
// resources, the newest pod's hold. Images are those of the containers in the
// pod's order, injected ones too, then those of its image volumes; sidecars that
// are restartable init containers stay with the init images; ephemeral
// containers are left out.
//
// One look at a cluster shows no rates: Notes and Origins say what the numbers
// are. Restarts of containers are not starts.
//
// Nodes that are in the input make the pools that apps run on, as events say how
// many of an app's starts pulled; see PullImporter. Nodes that pods are on and the
// input lacks are one pool more.
//
// A manifest is any object with the shape of a pod template in it, whatever its
// kind (see podTemplates). It makes an app, called the same, unless pods or the
// manifest that it belongs to are in the input too. Replicas and plain schedules
// are taken from it, and Origins say what stands in for what it does not tell.
type Importer struct {
	cluster cluster
	// pulls has the pods again, with the nodes and events, which cluster has not.
	pulls PullImporter
}

// Read reads the objects of an input, called name in errors. Errors are a
// *document.Error where the input is to blame. JSON is decoded object by object,
// YAML document by document, and only what is needed of each is kept.
func (i *Importer) Read(name string, r io.Reader) error {
	i.pulls.begin()
	d := &objectReader{name: name, events: true, take: func(o *object) error {
		if o.isEvent() || o.kind == "Node" {
			// One that cannot be read is an item as others are: pods come first here.
			if i.pulls.add(o) == nil {
				return nil
			}
			return i.cluster.add(o)
		}
		if err := i.cluster.add(o); err != nil {
			return err
		}
		return i.pulls.add(o)
	}}
	return d.read(r)
}

// Imported returns the workload of what was read.
func (i *Importer) Imported() *Imported {
	in := i.cluster.imported()
	in.Skipped += i.pulls.eventCount + len(i.pulls.nodes)
	i.pulls.series = i.cluster.series
	i.place(in)
	return in
}
