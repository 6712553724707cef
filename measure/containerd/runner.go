//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
)

// Runner makes starts on containerd. Its methods are called one at a time.
type Runner struct {
	opt     Options
	root    *root
	program *program // nil where a daemon ran already
	nodes   []*node
	images  map[string]*pulledImage
	// registries are those that the images come from as they are, and logins what
	// they are shown.
	registries []registryHost
	logins     *logins
	// told are doubts that came up.
	told []string
	// starts counts containers, for their names.
	starts int
	// running are the starts of the last run until they are taken apart.
	running []*started
}

var _ measure.Runner = (*Runner)(nil)

// pulledImage is an image as containerd will know it.
type pulledImage struct {
	// name is its reference in full.
	name       string
	repository string
	// documents are its manifest, its config and the index above.
	documents []layers.Digest
	layers    []pulledLayer // base first
}

// blobs are the digests of all that the image is made of.
func (p *pulledImage) blobs() []layers.Digest {
	all := slices.Clone(p.documents)
	for _, l := range p.layers {
		all = append(all, l.digest)
	}
	return all
}

type pulledLayer struct {
	digest, chain   layers.Digest
	compressedBytes int64
	// unpacked is in bytes; 0 is unknown.
	unpacked int64
}

// cleaning is how long taking things apart may last after the context's end.
const cleaning = time.Minute

// NewRunner starts the daemons, or connects to the one that runs, with the default
// limits. The Runner is to be closed.
func NewRunner(ctx context.Context, opt Options) (*Runner, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	if opt.Inventory == nil {
		return nil, errors.New("measure with containerd: no inventory of the images was given")
	}
	r := &Runner{opt: opt}
	r.logins = &logins{access: &r.opt.Access, anywhere: opt.HostDir != ""}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Check says why no Runner could be made with these options, besides their images,
// network and room; it makes nothing.
func Check(ctx context.Context, opt Options) error {
	if err := opt.complete(); err != nil {
		return err
	}
	if opt.Address != "" {
		return serves(ctx, opt.Address)
	}
	_, err := findProgram(ctx, &opt)
	return err
}

// complete checks the options and fills in what is not said.
func (o *Options) complete() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("start containers with containerd: that takes root; measure pull works without")
	}
	if o.Platform == "" {
		o.Platform = "linux/" + runtime.GOARCH
	}
	if _, err := platforms.Parse(o.Platform); err != nil {
		return fmt.Errorf("platform %q: %w", o.Platform, err)
	}
	if o.Namespace == "" {
		o.Namespace = "cachebench"
	}
	if o.Snapshotter == "" {
		o.Snapshotter = "overlayfs"
	}
	o.Nodes = max(o.Nodes, 1)
	if o.Method != "" && o.Method != MethodTransfer && o.Method != MethodClient {
		return fmt.Errorf("method %q: images are pulled by %s or %s", o.Method, MethodTransfer, MethodClient)
	}
	if o.HostDir != "" {
		if err := o.checkHostDir(); err != nil {
			return err
		}
	}
	if o.Address == "" {
		return nil
	}
	// Clean-up may be asked for from elsewhere.
	if o.Address, err = filepath.Abs(strings.TrimPrefix(o.Address, "unix://")); err != nil {
		return err
	}
	if _, err := os.Stat(o.Address); err != nil {
		return fmt.Errorf("look for containerd's socket: %w; name the one of a daemon that runs, such as /run/containerd/containerd.sock", err)
	}
	switch {
	case o.Nodes > 1:
		return fmt.Errorf("%d nodes: a daemon that runs already is one node", o.Nodes)
	case o.Decoder != "":
		return errors.New("a decoder cannot be forced on a daemon that runs already")
	case o.Binary != "":
		return errors.New("name a daemon's program or a daemon's socket, not both")
	case o.Lab != nil && o.Lab.Namespaces():
		return errors.New("a daemon that runs already is not on the network of a lab with namespaces: make the lab on loopback")
	}
	return nil
}

// checkHostDir makes the directory's path one that the daemon can follow.
func (o *Options) checkHostDir() (err error) {
	if o.HostDir, err = filepath.Abs(o.HostDir); err != nil {
		return err
	}
	if _, err := os.ReadDir(o.HostDir); err != nil {
		return fmt.Errorf("look for registry hosts: %w", err)
	}
	if o.Lab != nil || o.Registry != "" {
		return fmt.Errorf("the directory of registry hosts %s is for images from where they are, and these come from a registry of the experiment's own: leave it out", o.HostDir)
	}
	return nil
}

func (r *Runner) open(ctx context.Context) (err error) {
	if r.root, err = newRoot(r.opt.Root); err != nil {
		return err
	}
	for _, dir := range []string{r.root.dir + "/bin", r.mounts()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := mounting.open(r.mounts()); err != nil {
		return err
	}
	if err := r.findDaemon(ctx); err != nil {
		return err
	}
	if err := r.know(); err != nil {
		return err
	}
	for i := range r.opt.Nodes {
		n, err := r.newNode(i)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
		if err := n.serve(ctx, limits{}); err != nil {
			return err
		}
	}
	return nil
}

// mounts is where snapshots are mounted for a moment.
func (r *Runner) mounts() string { return r.root.dir + "/mounts" }

// findDaemon finds the daemon's program, where none runs already.
func (r *Runner) findDaemon(ctx context.Context) (err error) {
	if r.opt.Address != "" {
		r.doubt("the limits, the decoder and the cores of the daemon at %s are its own and not known: a profile that is fitted to these runs has the defaults in their place", r.opt.Address)
		return nil
	}
	if r.program, err = findProgram(ctx, &r.opt); err != nil {
		return err
	}
	return r.program.link(r.root.dir + "/bin")
}

// know works out what each image of the inventory will be in containerd.
func (r *Runner) know() error {
	inv := r.opt.Inventory
	chains := inv.Chains()
	ids := chains.IDs()
	r.images = map[string]*pulledImage{}
	for i := range inv.Images {
		img := &inv.Images[i]
		if inv.Find(img.Reference, r.opt.Platform, time.Now()) != i {
			continue // another platform, or what a tag meant before
		}
		named, err := reference.ParseDockerRef(img.Reference)
		if err != nil {
			continue // a source on this machine, which containerd cannot pull
		}
		p := &pulledImage{name: named.String(), repository: reference.Path(named)}
		for _, d := range []layers.Digest{img.Digest, img.ConfigDigest, img.IndexDigest} {
			if d != "" {
				p.documents = append(p.documents, d)
			}
		}
		for j, l := range img.Layers {
			layer := pulledLayer{digest: inv.Layers[l].Digest, chain: ids[chains.Images[i][j]], compressedBytes: inv.Layers[l].CompressedBytes}
			// An estimate is nothing that was measured.
			if u := inv.Layers[l].UnpackedBytes; u != nil && inv.Layers[l].UnpackedSource == layers.Measured {
				layer.unpacked = *u
			}
			p.layers = append(p.layers, layer)
		}
		r.images[img.Reference] = p
		if err := r.knowRegistry(reference.Domain(named)); err != nil {
			return err
		}
	}
	return nil
}

// knowRegistry works out how a registry is reached, where images come from as they
// are.
func (r *Runner) knowRegistry(name string) error {
	if r.opt.Lab != nil || r.opt.Registry != "" || slices.ContainsFunc(r.registries, func(known registryHost) bool { return known.name == hubName(name) }) {
		return nil
	}
	host, err := r.opt.Access.registry(name)
	if err != nil {
		return fmt.Errorf("tell containerd of registry %s: %w", name, err)
	}
	if r.opt.HostDir != "" {
		host.file = "" // that says it
	}
	r.registries = append(r.registries, host)
	return nil
}

func (r *Runner) image(ref string) (*pulledImage, error) {
	if img := r.images[ref]; img != nil {
		return img, nil
	}
	return nil, fmt.Errorf("the inventory has no image %s of a registry for %s: resolve it first", ref, r.opt.Platform)
}

// Tool implements measure.Runner.
func (r *Runner) Tool() string { return "containerd" }

// Doubts are what is to be said against the runs that were made.
func (r *Runner) Doubts() []string { return slices.Clone(r.told) }

// doubt adds one, once.
func (r *Runner) doubt(format string, args ...any) {
	if words := fmt.Sprintf(format, args...); !slices.Contains(r.told, words) {
		r.told = append(r.told, words)
	}
}

// Processes implements measure.Runner: daemons and shims.
func (r *Runner) Processes() []int {
	var pids []int
	for _, n := range r.nodes {
		var shims []process
		switch {
		case n.daemon != nil:
			pids = append(pids, n.daemon.process.PID)
			shims = n.daemon.shims()
		case n.client != nil:
			// A daemon that cannot be named leaves unknown what others did.
			pids = append(pids, servedBy(r.opt.Address))
			shims = shimsOf(r.opt.Address, r.opt.Namespace)
		}
		for _, shim := range shims {
			pids = append(pids, shim.PID)
		}
	}
	return pids
}

// Close implements measure.Runner.
func (r *Runner) Close() error {
	if r.root == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleaning)
	defer cancel()
	var errs []error
	for _, n := range r.nodes {
		// A daemon that has ended would only be waited for.
		if n.client != nil && (n.daemon == nil || n.daemon.process.alive()) {
			errs = append(errs, n.removeContainers(ctx))
		}
		errs = append(errs, n.stop())
	}
	errs = append(errs, mounting.close(r.mounts()))
	root := r.root
	r.root, r.nodes = nil, nil
	defer root.Release()
	if err := root.mark.cleanUp(ctx, root.Dir); err != nil {
		return errors.Join(append(errs, err)...)
	}
	return nil // whatever went wrong before, nothing is left
}
