package pull

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// Options say what a Runner pulls, and where.
type Options struct {
	// Host holds for each node; its Root holds all of them.
	Host HostOptions
	// Nodes is how many hosts there are, each with a directory and limits of its own;
	// 0 means one.
	Nodes int
	// Lab is the network between registry and nodes; nil is this machine's.
	Lab *lab.Lab
	// Served names the registries that the lab's registry serves.
	Served []string
	// Inventory has the images as they are to be measured; a start whose reference
	// means another image by now is void. Nil checks nothing.
	Inventory *layers.Inventory
}

// Runner makes startups of pulls alone; it is a measure.Runner.
type Runner struct {
	opt   Options
	root  *root
	hosts []*Host
	// kept is what the present arm keeps, by the keys of what is stored.
	kept map[string]bool
}

var _ measure.Runner = (*Runner)(nil)

// NewRunner makes the nodes' directories. Close it.
func NewRunner(opt Options) (*Runner, error) {
	opt.Nodes = max(1, opt.Nodes)
	r, err := newRoot(opt.Host.Root)
	if err != nil {
		return nil, err
	}
	run := &Runner{opt: opt, root: r}
	for node := range opt.Nodes {
		host := opt.Host
		if opt.Lab != nil {
			host.Served, host.Dial = run.network(node)
		}
		h, err := newHost(filepath.Join(r.path, measure.NodeName(node)), host)
		if err != nil {
			return nil, joinClose(err, r.close())
		}
		run.hosts = append(run.hosts, h)
	}
	return run, nil
}

// network reaches the served registries through the lab, whose address may change
// from arm to arm.
func (r *Runner) network(node int) (served map[string]string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	const labAddress = "lab.invalid:80" // never resolved
	served = make(map[string]string)
	for _, host := range r.opt.Served {
		served[host] = labAddress
	}
	return served, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == labAddress {
			addr = r.opt.Lab.Addr(node)
		}
		return r.opt.Lab.Dial(ctx, node, network, addr)
	}
}

// Tool is pull.
func (r *Runner) Tool() string { return "pull" }

// Facts describe what pulls, and the host.
func (r *Runner) Facts(context.Context) ([]simulate.Fact, error) {
	user := "root"
	if id := os.Geteuid(); id != 0 {
		user = fmt.Sprintf("user %d: owners, devices and fifos are left out", id)
	}
	facts := []simulate.Fact{
		{Name: "puller", Value: "cachebench, in the steps of containerd 2.4.2"},
		{Name: "privilege", Value: user},
		r.hosts[0].decoder.Fact(),
	}
	if r.opt.Lab == nil {
		host := &r.opt.Host
		origin := measure.Origin{Aliases: host.Aliases, Mirrors: host.Registry.Mirrors, PlainHTTP: host.Registry.PlainHTTP}
		fact, err := origin.Fact()
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact)
	}
	return append(facts, measure.HostFacts(r.root.path)...), nil
}

// Settings are how the hosts pull, as a profile says it.
func (r *Runner) Settings(arm *measure.Arm) string {
	settings := measure.PullSettings{OwnRegistry: r.opt.Lab != nil, Decoder: r.hosts[0].decoder.Name, Cores: measure.Cores()}
	return settings.Of(arm)
}

// Processes are none: decompressors are children of this one.
func (r *Runner) Processes() []int { return nil }

// Prepare has each node that the arm starts something on hold what it keeps and nothing
// else, and sets the limits and the link.
func (r *Runner) Prepare(ctx context.Context, arm *measure.Arm) error {
	if err := r.CheckArm(arm); err != nil {
		return err
	}
	r.kept = nil
	for node, h := range r.hosts {
		// What other nodes hold is of no matter to this arm, and to bring them there takes
		// time, room and the page cache.
		if !slices.ContainsFunc(arm.Starts, func(s measure.Start) bool { return s.Node == node }) {
			continue
		}
		kept, err := h.hold(ctx, arm.Keep, func() error { return r.shape(nil) })
		if err != nil {
			return fmt.Errorf("prepare arm %s on %s: %w", arm.Name, measure.NodeName(node), err)
		}
		r.kept = kept // of one reference the nodes have the same
		h.SetLimits(arm.MaxConcurrentDownloads, arm.MaxConcurrentUnpacks)
	}
	// What removed files had still to be written is not written any more, and what
	// is left is written now, not during the run.
	if err := measure.SyncFileSystem(r.root.path); err != nil {
		return fmt.Errorf("prepare arm %s: %w", arm.Name, err)
	}
	if arm.DropPageCache {
		if err := measure.DropPageCache(); err != nil {
			return fmt.Errorf("prepare arm %s: %w", arm.Name, err)
		}
	}
	return r.shape(arm.Link)
}

// CheckArm refuses what no pull does, or not here: what is recorded of an arm is to be
// what was measured.
func (r *Runner) CheckArm(arm *measure.Arm) error {
	for i, s := range arm.Starts {
		switch {
		case s.Node < 0 || s.Node >= len(r.hosts):
			return fmt.Errorf("arm %s, start %d: there is no node %d, only 0 to %d", arm.Name, i+1, s.Node, len(r.hosts)-1)
		case s.Readiness != nil:
			return fmt.Errorf("arm %s, start %d: measure pull starts nothing that could be ready: leave readiness out, or use measure containerd", arm.Name, i+1)
		case len(s.Args) > 0:
			return fmt.Errorf("arm %s, start %d: measure pull runs nothing that could have arguments: leave args out, or use measure containerd", arm.Name, i+1)
		}
	}
	if arm.DropPageCache {
		if err := measure.CheckPageCache(); err != nil {
			return fmt.Errorf("arm %s: %w", arm.Name, err)
		}
	}
	if link := arm.Link; r.opt.Lab == nil && link != nil && (link.Rate != network.Unlimited || link.Delay != 0) {
		return fmt.Errorf("arm %s: a link is shaped only where the registry is embedded: leave link out, or serve the images here", arm.Name)
	}
	return nil
}

// shape sets the lab's link; nil is none.
func (r *Runner) shape(link *measure.Link) error {
	if r.opt.Lab == nil {
		return nil
	}
	rate, delay := math.Inf(1), time.Duration(0)
	if link != nil {
		rate, delay = float64(link.Rate), link.Delay
	}
	return r.opt.Lab.SetLink(rate, delay)
}

// Run pulls the images of the arm's starts at once.
func (r *Runner) Run(ctx context.Context, arm *measure.Arm) ([]simulate.Startup, error) {
	if err := r.CheckArm(arm); err != nil {
		return nil, err
	}
	for _, h := range r.hosts {
		h.forget()
	}
	startups := make([]simulate.Startup, len(arm.Starts))
	var all sync.WaitGroup
	begin := time.Now()
	for i, start := range arm.Starts {
		all.Go(func() {
			requested := time.Since(begin)
			result, err := r.hosts[start.Node].Pull(ctx, start.Image)
			startups[i] = r.startup(arm, &start, result, err)
			startups[i].Requested = requested
		})
	}
	all.Wait()
	return startups, ctx.Err()
}

// Finish does nothing: of a pull nothing goes on.
func (r *Runner) Finish(context.Context) error { return nil }

// Skipped counts what of all layers that were unpacked until now could not be made
// here, of each layer once.
func (r *Runner) Skipped() Skipped {
	byChain := make(map[layers.Digest]Skipped)
	for _, h := range r.hosts {
		h.mu.Lock()
		for chain, s := range h.skipped {
			byChain[chain] = byChain[chain].or(s)
		}
		h.mu.Unlock()
	}
	var all Skipped
	for _, s := range byChain {
		all.add(s)
	}
	return all
}

// Doubts are what is to be said against the runs that were made.
func (r *Runner) Doubts() []string {
	words := r.Skipped().String()
	if words == "" {
		return nil
	}
	return []string{"of the layers that were unpacked: " + words}
}

// startup words a pull as a start of the arm, void where it does not count.
func (r *Runner) startup(arm *measure.Arm, start *measure.Start, result *Result, err error) simulate.Startup {
	s := simulate.Startup{Source: simulate.Measured, Images: []string{start.Image}, Hit: "miss"}
	if result != nil {
		s = result.Startup
	}
	s.Arm, s.App, s.Node = arm.Name, start.App, measure.NodeName(start.Node)
	if s.App == "" {
		s.App = start.Image
	}
	switch {
	case err != nil:
		s.Void = err.Error()
	default:
		s.Void = r.doubt(start, result)
	}
	return s
}

// doubt says why a pull that went well does not count: something was present that
// the arm does not keep, or the image is another one.
func (r *Runner) doubt(start *measure.Start, result *Result) string {
	h := r.hosts[start.Node]
	for _, chain := range result.foundChains {
		if !r.kept[chainKey(chain)] && !h.stored(chainKey(chain)) {
			return fmt.Sprintf("%s: the layer of chainID %s was present, which the arm does not keep", start.Image, chain)
		}
	}
	for _, d := range result.foundBlobs {
		if !r.kept[blobKey(d)] && !h.stored(blobKey(d)) {
			return fmt.Sprintf("%s: the blob %s was present, which the arm does not keep", start.Image, d)
		}
	}
	if inv := r.opt.Inventory; inv != nil {
		if i := inv.Find(start.Image, result.Platform, time.Now()); i >= 0 && inv.Images[i].Digest != result.Digest {
			return fmt.Sprintf("%s means %s by now, the inventory has %s", start.Image, result.Digest, inv.Images[i].Digest)
		}
	}
	return ""
}

// Close removes all that was pulled.
func (r *Runner) Close() error { return r.root.close() }

// stored says whether a pull of this run stored it.
func (h *Host) stored(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.made[key]
}

// hold brings the host to hold the given images and nothing else, and makes sure by
// looking that it does. It returns the keys of what is kept. Images that are not
// there whole are pulled, before the first of which open is called.
//
// All else goes first: of two images with the same layers in other compressions
// (the same chainIDs, other digests) the one that was left over would let the other's
// blobs out.
func (h *Host) hold(ctx context.Context, references []string, open func() error) (kept map[string]bool, err error) {
	var missing []string
	kept = make(map[string]bool)
	for _, reference := range references {
		if r := h.image(reference); r != nil && h.complete(r) {
			r.keys(kept)
		} else {
			missing = append(missing, reference)
		}
	}
	if err := h.reduce(kept); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		if err := open(); err != nil {
			return nil, err
		}
	}
	for _, reference := range missing {
		r, err := h.Pull(ctx, reference)
		if err != nil {
			return nil, fmt.Errorf("image to keep: %w", err)
		}
		r.keys(kept)
	}
	return kept, h.verify(kept)
}

// complete says whether an image is present with all its layers and blobs.
func (h *Host) complete(r *Result) bool {
	return !slices.ContainsFunc(r.Layers, func(l Layer) bool { return !h.snapshots.has(l.ChainID) }) &&
		!slices.ContainsFunc(r.blobs, func(d layers.Digest) bool { return !h.content.has(d) })
}

// keys adds the keys of what an image is made of.
func (r *Result) keys(to map[string]bool) {
	for _, l := range r.Layers {
		to[chainKey(l.ChainID)] = true
	}
	for _, d := range r.blobs {
		to[blobKey(d)] = true
	}
}

// reduce removes all but what is kept.
func (h *Host) reduce(kept map[string]bool) error {
	err := errors.Join(
		h.content.keep(func(d layers.Digest) bool { return kept[blobKey(d)] }),
		h.snapshots.keep(func(chain layers.Digest) bool { return kept[chainKey(chain)] }))
	if err != nil {
		return fmt.Errorf("remove what is not kept: %w", err)
	}
	return nil
}

// verify lists what is present: nothing but what is kept, and of that each unpacked
// layer. A kept blob may be missing: of two images that are kept with the same layers
// in other compressions only the first one's are fetched.
func (h *Host) verify(kept map[string]bool) error {
	blobs, otherBlobs, err := h.content.list()
	if err != nil {
		return fmt.Errorf("list the blobs: %w", err)
	}
	chains, otherChains, err := h.snapshots.list()
	if err != nil {
		return fmt.Errorf("list the unpacked layers: %w", err)
	}
	present := make(map[string]bool)
	for _, d := range blobs {
		present[blobKey(d)] = true
	}
	for _, chain := range chains {
		present[chainKey(chain)] = true
	}
	for key := range present {
		if !kept[key] {
			return fmt.Errorf("%s is present though it was removed: does another process use the directory?", key)
		}
	}
	for key := range kept {
		if !present[key] && isChain(key) {
			return fmt.Errorf("%s is missing though it is to be kept: does another process use the directory?", key)
		}
	}
	if n := otherBlobs + otherChains; n > 0 {
		return fmt.Errorf("%d unfinished files or directories are present though they were removed: does another process use the directory?", n)
	}
	return nil
}
