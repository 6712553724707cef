// Package measure makes real startups by a protocol that can be trusted: warm-up,
// repeats, arms in random order from a seed, one run at a time, evidence of what was
// reused, noise noted, runs that went wrong listed as void, saved after every run.
//
// What makes a startup is a Runner: package measure/pull fetches and unpacks
// without a daemon, package measure/containerd starts containers. The result is a
// simulate.Timeline, as of simulated startups, with its Measurement.
package measure

import (
	"context"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// Arm is one set of conditions and what is started in them.
type Arm struct {
	// Name labels the startups; no two arms share one.
	Name string `json:"name" document:"required"`
	// Starts are requested together.
	Starts []Start `json:"starts"`
	// Keep are references of the images that are present, with all their layers,
	// on each node before; all else of the experiment is absent.
	Keep []string `json:"keep,omitempty"`
	// Link is the way from the registry to the nodes; nil is as it is.
	Link *Link `json:"link,omitempty"`
	// MaxConcurrentDownloads and MaxConcurrentUnpacks bound layers at once; 0 is
	// the runtime's default (3 and 1). Downloads are of a node, whatever pulls are under
	// way, and of each pull where containerd's client fetches. One unpack at once is of
	// each image, and those of several images go on side by side; more are of a node, and
	// of layers of one image too.
	MaxConcurrentDownloads int `json:"maxConcurrentDownloads,omitempty"`
	MaxConcurrentUnpacks   int `json:"maxConcurrentUnpacks,omitempty"`
	// DropPageCache empties the host's page cache before each run, so that what is
	// kept is read from the disk. What the experiment's own registry serves is read
	// again before the run, since it stands for a registry elsewhere. An arm without it
	// is run once more, not counted, after another arm has emptied the cache.
	DropPageCache bool `json:"dropPageCache,omitempty"`
}

// Nodes is on how many nodes the arm starts something.
func (a *Arm) Nodes() int {
	nodes := make(map[int]bool)
	for i := range a.Starts {
		nodes[a.Starts[i].Node] = true
	}
	return len(nodes)
}

// Start is one start of an arm.
type Start struct {
	App string `json:"app,omitempty"` // empty: the image
	// Image is its reference.
	Image string `json:"image" document:"required"`
	// Node is the number of the node, from 0.
	Node int `json:"node,omitempty"`
	// PullOnly ends the start once the image is pulled; what starts no containers
	// does so anyway, and refuses the rest.
	PullOnly bool `json:"pullOnly,omitempty"`
	// Args take the place of the image's own entrypoint and command.
	Args []string `json:"args,omitempty"`
	// Readiness is what the start is ready by; nil is once it was started.
	Readiness *Readiness `json:"readiness,omitempty"`
}

// Link is a shaped link, shared by all nodes. In a file a rate stands for a link
// without a delay.
type Link struct {
	// Rate is nominal, headers included; network.Unlimited shapes nothing.
	Rate network.Rate `json:"bytesPerSecond" document:"shorthand"`
	// Delay is added to each round trip.
	Delay time.Duration `json:"delaySeconds,omitempty"`
}

// Runner makes runs on one host. Its methods are called one at a time.
type Runner interface {
	// Tool is the name of what measures: pull or containerd.
	Tool() string
	// Facts describe the host and the runtime, in the same words each time: an
	// experiment is not resumed where they differ. Where images come from where they are,
	// and the runner knows how they are reached, Origin's is among them. Run adds those of
	// HostFacts that are not, and where a Site's images come from.
	Facts(ctx context.Context) ([]simulate.Fact, error)
	// Settings are the profile values that the runner sets for an arm besides its
	// link and limits, such as the decoder, as a document of YAML or JSON.
	Settings(arm *Arm) string
	// CheckArm says why an arm cannot be run as it is stated. Run asks it of all arms
	// before the first run.
	CheckArm(arm *Arm) error
	// Prepare brings the nodes into the state in which a run of the arm begins, and
	// checks that it is: what is kept is there, nothing else.
	Prepare(ctx context.Context, arm *Arm) error
	// Run makes the arm's starts at once and returns a startup for each, in their
	// order, with spans; Requested is from the run's beginning. FetchedBytes are those
	// of layers alone, no manifests and configs. A start that failed is void, and an
	// error is of the run itself. What Run leaves out the protocol adds: source, arm,
	// app, images, node, repeat, hit, phases and busy times from spans.
	// What was started may run on until Finish.
	Run(ctx context.Context, arm *Arm) ([]simulate.Startup, error)
	// Finish takes apart what the last Run started. It is called after each Run, also
	// one that failed or whose context has ended, once the run's noise was read.
	Finish(ctx context.Context) error
	// Processes are processes, besides this one, whose work, and that of their
	// descendants, is the experiment's own. It is asked before each run and after it,
	// before Finish. A number below 1 stands for processes that cannot be named: then it
	// is not known what others did.
	Processes() []int
	// Close removes all that the runner made.
	Close() error
}
