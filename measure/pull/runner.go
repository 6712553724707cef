package pull

import (
	"context"
	"encoding/json"
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
	kept    map[string]bool
	skipped Skipped
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
func (r *Runner) Facts(ctx context.Context) ([]simulate.Fact, error) {
	user := "root"
	if id := os.Geteuid(); id != 0 {
		user = fmt.Sprintf("user %d: owners, devices and fifos are left out", id)
	}
	return append([]simulate.Fact{
		{Name: "puller", Value: "cachebench, in the steps of containerd 2.4.2"},
		{Name: "privilege", Value: user},
		r.decoderFact(ctx),
	}, measure.HostFacts(r.root.path)...), nil
}

// decoderFact names the decoder, with its version where it is the one on PATH.
func (r *Runner) decoderFact(ctx context.Context) simulate.Fact {
	d := measure.Decoder{Name: r.hosts[0].decoder.name, Path: r.hosts[0].decoder.path}
	if found := measure.DecoderOnPath(ctx); found.Path == d.Path {
		d.Version = found.Version
	}
	return d.Fact()
}

// Settings are how the hosts pull, as a profile says it.
func (r *Runner) Settings(arm *measure.Arm) string {
	settings, _ := json.Marshal(map[string]any{
		// All starts of an arm pull at once: no kubelet lines them up.
		"pull": map[string]any{
			"downloadScope": "daemon", "requestOrder": "race", "keepBlobs": true, "maxParallelPulls": 1000,
			"slotRequests": true, "reuseConnections": true,
		},
		// The nodes of a host share its cores.
		"unpack": map[string]any{"decoder": r.hosts[0].decoder.name, "cores": measure.Cores() / float64(max(1, arm.Nodes()))},
	})
	return string(settings)
}

// Processes are none: decompressors are children of this one.
func (r *Runner) Processes() []int { return nil }

// Prepare has each node hold what the arm keeps and nothing else, and sets the
// limits and the link.
func (r *Runner) Prepare(ctx context.Context, arm *measure.Arm) error {
	if err := r.check(arm); err != nil {
		return err
	}
	if err := r.pullKept(ctx, arm); err != nil {
		return fmt.Errorf("prepare arm %s: %w", arm.Name, err)
	}
	for node, h := range r.hosts {
		kept, err := h.keep(arm.Keep)
		if err != nil {
			return fmt.Errorf("prepare arm %s on %s: %w", arm.Name, measure.NodeName(node), err)
		}
		r.kept = kept // of one reference the nodes have the same
		h.SetLimits(arm.MaxConcurrentDownloads, arm.MaxConcurrentUnpacks)
	}
	// What removed files had still to be written is not written any more, and what
	// is left is written now, not during the run.
	if err := syncAll(r.root.path); err != nil {
		return fmt.Errorf("prepare arm %s: write back the file system: %w", arm.Name, err)
	}
	if arm.DropPageCache {
		if err := measure.DropPageCache(); err != nil {
			return fmt.Errorf("prepare arm %s: %w", arm.Name, err)
		}
	}
	return r.shape(arm.Link)
}

func (r *Runner) check(arm *measure.Arm) error {
	for i, s := range arm.Starts {
		if s.Node < 0 || s.Node >= len(r.hosts) {
			return fmt.Errorf("arm %s, start %d: there is no node %d, only 0 to %d", arm.Name, i+1, s.Node, len(r.hosts)-1)
		}
	}
	return nil
}

// pullKept pulls the kept images that a node lacks, without a link's limits.
func (r *Runner) pullKept(ctx context.Context, arm *measure.Arm) error {
	open := false
	for node, h := range r.hosts {
		for _, reference := range arm.Keep {
			if h.complete(reference) {
				continue
			}
			if !open {
				if err := r.shape(nil); err != nil {
					return err
				}
				open = true
			}
			if _, err := h.Pull(ctx, reference); err != nil {
				return fmt.Errorf("%s, image to keep: %w", measure.NodeName(node), err)
			}
		}
	}
	return nil
}

// shape sets the lab's link; nil is none.
func (r *Runner) shape(link *measure.Link) error {
	unshaped := math.Inf(1)
	rate, delay := unshaped, time.Duration(0)
	if link != nil {
		rate, delay = float64(link.Rate), link.Delay
	}
	switch {
	case r.opt.Lab != nil:
		return r.opt.Lab.SetLink(rate, delay)
	case link != nil && (rate != unshaped || delay != 0):
		return errors.New("a link is shaped only where the registry is embedded: leave link out, or serve the images here")
	}
	return nil
}

// Run pulls the images of the arm's starts at once.
func (r *Runner) Run(ctx context.Context, arm *measure.Arm) ([]simulate.Startup, error) {
	if err := r.check(arm); err != nil {
		return nil, err
	}
	for _, h := range r.hosts {
		h.forget()
	}
	startups := make([]simulate.Startup, len(arm.Starts))
	results := make([]*Result, len(arm.Starts))
	var all sync.WaitGroup
	begin := time.Now()
	for i, start := range arm.Starts {
		all.Go(func() {
			requested := time.Since(begin)
			result, err := r.hosts[start.Node].Pull(ctx, start.Image)
			startups[i] = r.startup(arm, &start, result, err)
			startups[i].Requested, results[i] = requested, result
		})
	}
	all.Wait()
	r.skipped = Skipped{}
	for _, result := range results {
		if result != nil {
			r.skipped.add(result.Skipped)
		}
	}
	return startups, ctx.Err()
}

// Finish does nothing: of a pull nothing goes on.
func (r *Runner) Finish(context.Context) error { return nil }

// Skipped counts what of the layers that the last run unpacked could not be made
// here.
func (r *Runner) Skipped() Skipped { return r.skipped }

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

// complete says whether an image is present with all its layers.
func (h *Host) complete(reference string) bool {
	r := h.image(reference)
	if r == nil {
		return false
	}
	for _, l := range r.Layers {
		if !h.snapshots.has(l.ChainID) {
			return false
		}
	}
	return !slices.ContainsFunc(r.blobs, func(d layers.Digest) bool { return !h.content.has(d) })
}

// keep removes all but the given images, and makes sure by looking that it did. It
// returns the keys of what is kept.
func (h *Host) keep(references []string) (kept map[string]bool, err error) {
	kept = make(map[string]bool)
	for _, reference := range references {
		r := h.image(reference)
		if r == nil {
			return nil, fmt.Errorf("the image %s that is to be kept was not pulled", reference)
		}
		for _, l := range r.Layers {
			kept[chainKey(l.ChainID)] = true
		}
		for _, d := range r.blobs {
			kept[blobKey(d)] = true
		}
	}
	err = errors.Join(
		h.content.keep(func(d layers.Digest) bool { return kept[blobKey(d)] }),
		h.snapshots.keep(func(chain layers.Digest) bool { return kept[chainKey(chain)] }))
	if err != nil {
		return nil, fmt.Errorf("remove what is not kept: %w", err)
	}
	return kept, h.verify(kept)
}

// verify lists what is present: what is kept, each, and nothing else.
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
		if !present[key] {
			return fmt.Errorf("%s is missing though it is to be kept: does another process use the directory?", key)
		}
	}
	if n := otherBlobs + otherChains; n > 0 {
		return fmt.Errorf("%d unfinished files or directories are present though they were removed: does another process use the directory?", n)
	}
	return nil
}
