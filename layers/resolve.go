package layers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/docstore"
	"github.com/cachebench/cachebench/layers/tarscan"
)

// Options say how references are looked up. The zero value looks on the network
// for linux/amd64 with the user's docker credentials and keeps nothing.
type Options struct {
	// Platforms are os/arch[/variant]; empty means DefaultPlatform.
	Platforms []string
	// Registries are served in plain HTTP at an address (host:port) of the
	// caller's, so that references keep their names. Nothing of them is kept in
	// Store.
	Registries map[string]string
	// Layouts are the directories of OCI layouts that are served as Registries, by the
	// same names: Present and Deep look for blobs there as in any layout.
	Layouts map[string]string
	// Aliases fetch a registry under another name; the Inventory keeps the
	// original one.
	Aliases map[string]string
	// Mirrors are registries that are asked first, by the name of the one that
	// they mirror.
	Mirrors map[string][]string
	// PlainHTTP names registries that speak HTTP without TLS.
	PlainHTTP []string
	// DialContext opens all connections to registries, without a proxy; nil means
	// the network.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// CAFiles are PEM files of certificate authorities to trust besides the
	// system's.
	CAFiles []string
	// Jobs is how many requests a registry gets at once; 0 means 16.
	Jobs int
	// RequestsPerSecond paces the requests to each registry; 0 means no pace.
	RequestsPerSecond float64
	// Keychain finds credentials; nil means the docker configuration. Username
	// and Password, where given, hold for every registry asked, but for no mirror.
	Keychain           authn.Keychain
	Username, Password string
	// Headroom, when not nil, is told how many requests a registry says are left,
	// before a run of many references, and when few are.
	Headroom func(distribution.Headroom)
	// Docker is the Docker engine's address (unix:///run/docker.sock, tcp://…);
	// empty means DOCKER_HOST or the default.
	Docker string
	// ContainerdRoot is containerd's root directory, ContainerdNamespace the one
	// to look in; empty means the defaults and CONTAINERD_NAMESPACE.
	ContainerdRoot, ContainerdNamespace string

	// Store keeps documents by digest and what tags meant; nil keeps nothing.
	Store *docstore.Store
	// Offline asks no registry: documents and the meaning of tags come from Store.
	Offline bool

	// Sizes are measured unpacked sizes of layers, by digest.
	Sizes map[Digest]Measurement
	// Digests are looked up in place of what a reference's tag means now.
	Digests map[string]Digest
	// DigestPlaces say where one of Digests is stated, as lock.yaml:7, for errors.
	DigestPlaces map[string]string
	// Trailers reads the last bytes of gzip layers for their unpacked size, where
	// it is not known; at most MaxTrailers layers (0: 1,000).
	Trailers    bool
	MaxTrailers int
	// LocalTrailers reads those of layers on this machine alone, which costs no request.
	LocalTrailers bool
	// Deep reads every distinct layer once, within ScanLimits, inflated by the
	// program Inflater ("igzip" or "unpigz" on PATH; empty: in the process).
	Deep       bool
	ScanLimits tarscan.Limits
	Inflater   string
	// Present looks whether OCI layouts and archives, Layouts among them, hold the blobs of
	// their images, with the sizes that the manifests state; Deep does so too, and reads those of
	// which Store knows the content already. What is missing is Unscanned.
	Present bool
	// Hashed has Present read all of these blobs too and verify their content, whatever an
	// earlier run or another source has of them.
	Hashed bool
	// ManifestsAlone takes a layout or archive that holds no layer of any of its images at its
	// manifests' word, as a registry is, with a doubt: such recordings are looked at on
	// purpose.
	ManifestsAlone bool
	// Compress reads layers whose source keeps no compressed blob, to measure
	// what they would be; without it their size is estimated. Known are layers
	// of other images by diffID, which are not compressed again.
	Compress bool
	Known    map[Digest]Layer

	// Now is recorded as the time of resolution.
	Now time.Time
	// Progress is told what has been done, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a part of the work has come.
type Progress struct {
	// What is "references", "layer sizes" or "layers".
	What string
	// Done and Total count references, layers, or of "layers" compressed bytes.
	Done, Total int64
}

const defaultJobs = 16

func (o *Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return defaultJobs
}

// normal has its registries' names as references have them: docker.io is
// index.docker.io.
func (o Options) normal() Options {
	o.Registries, o.Layouts, o.Aliases = normalKeys(o.Registries), normalKeys(o.Layouts), normalKeys(o.Aliases)
	o.Mirrors = normalKeys(o.Mirrors)
	o.PlainHTTP = slices.Clone(o.PlainHTTP)
	for i, host := range o.PlainHTTP {
		o.PlainHTTP[i] = normalRegistry(host)
	}
	return o
}

func normalKeys[T any](m map[string]T) map[string]T {
	n := make(map[string]T, len(m))
	for host, to := range m {
		n[normalRegistry(host)] = to
	}
	return n
}

func (o *Options) served(host string) bool {
	_, ok := o.Registries[host]
	return ok
}

func (o *Options) platforms() ([]platform, error) {
	names := o.Platforms
	if len(names) == 0 {
		names = []string{DefaultPlatform}
	}
	all := make([]platform, len(names))
	for i, s := range names {
		p, err := parsePlatform(s)
		if err != nil {
			return nil, err
		}
		all[i] = p
	}
	return all, nil
}

// Resolve looks up references on each platform and returns their Inventory.
// References that cannot be read are listed in Unresolved and do not stop the
// rest. When ctx ends, Resolve returns what it has, the remaining references as
// unresolved, and the context's error. The Inventory does not depend on the
// order in which registries answer.
func Resolve(ctx context.Context, references []string, opt Options) (*Inventory, error) {
	r, err := newResolver(opt)
	if err != nil {
		return nil, err
	}
	results := r.lookUpAll(ctx, references)
	inv := r.collect(references, results)
	err = r.measure(ctx, inv)
	return inv, errors.Join(err, r.close())
}

// A resolver is one run of Resolve.
type resolver struct {
	opt       Options
	platforms []platform
	client    *distribution.Client
	table     *table
	locals    locals
	names     names

	progress progress

	mu       sync.Mutex
	contents map[contentKey]*reading
}

func newResolver(opt Options) (*resolver, error) {
	r := &resolver{opt: opt.normal(), table: newTable(), contents: make(map[contentKey]*reading)}
	r.locals.opt, r.progress.report = &r.opt, opt.Progress
	var err error
	if r.platforms, err = r.opt.platforms(); err != nil {
		return nil, err
	}
	o := &r.opt
	r.client, err = distribution.New(distribution.Options{
		Keychain: o.Keychain, Username: o.Username, Password: o.Password,
		PlainHTTP: o.PlainHTTP, Dial: o.Registries, DialContext: o.DialContext, CAFiles: o.CAFiles, Mirrors: o.Mirrors,
		RequestsAtOnce: o.jobs(), RequestsPerSecond: o.RequestsPerSecond,
		Headroom: o.Headroom, UserAgent: "cachebench",
	})
	if err != nil {
		return nil, fmt.Errorf("set up the registry client: %w", err)
	}
	return r, nil
}

func (r *resolver) close() error {
	r.client.Close()
	return r.locals.close()
}

// result is what one reference led to on one platform.
type result struct {
	content  *content
	manifest hash
	// index is that of the index chosen from; zero when there was none.
	index hash
	// soci says that the index has a SOCI index too.
	soci bool
	err  error
}

// lookUpAll looks all references up, each on all platforms, and returns the
// results in that order.
func (r *resolver) lookUpAll(ctx context.Context, references []string) []result {
	n := len(r.platforms)
	results := make([]result, len(references)*n)
	r.askHeadroom(ctx, references)
	r.progress.begin("references", int64(len(references)))
	// As many workers as requests at once. With more, some would parse while others'
	// requests are under way, but then nearly every request waits for its turn:
	// BenchmarkResolve's CPU rose by it, BenchmarkResolveDelayed's rate did not.
	workers := min(r.opt.jobs(), len(references))
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			w := &worker{resolver: r}
			for i := int(next.Add(1)) - 1; i < len(references); i = int(next.Add(1)) - 1 {
				w.lookUp(ctx, references[i], results[i*n:(i+1)*n])
				r.progress.add(1)
			}
		})
	}
	group.Wait()
	return results
}

// BigRun is from how many references on registries are asked beforehand how many
// requests they have left; see Options.Headroom.
const BigRun = 50

// askHeadroom asks every registry of a big run for one manifest's HEAD, which
// registries with a rate limit do not count, so that Options.Headroom is told
// before the run. A registry that does not answer will not in the run either.
func (r *resolver) askHeadroom(ctx context.Context, references []string) {
	if r.opt.Headroom == nil || r.opt.Offline || len(references) < BigRun {
		return
	}
	asked := make(map[string]bool)
	for _, reference := range references {
		transport, rest := splitTransport(reference)
		if transport != "docker" {
			continue
		}
		p, err := r.registry(reference, rest)
		if err != nil || asked[p.repo.Host] || r.opt.served(p.repo.Host) {
			continue
		}
		asked[p.repo.Host] = true
		r.client.Head(ctx, p.repo, cmp.Or(string(p.name.Digest), p.name.Tag))
	}
}

// collect lists the images in the order of the references, and numbers layers
// in the order in which they then stand.
func (r *resolver) collect(references []string, results []result) *Inventory {
	inv := &Inventory{
		ResolvedAt: r.opt.Now.UTC(),
		Images:     make([]Image, 0, len(results)),
		Layers:     make([]Layer, 0, len(r.table.entries)),
	}
	numbers := make([]int, len(r.table.entries))
	for i := range results {
		found := &results[i]
		reference := references[i/len(r.platforms)]
		if found.err != nil {
			inv.unresolved(reference, found.err)
			continue
		}
		c := found.content
		for j, number := range c.layers {
			if c.collected {
				break
			}
			if numbers[number] == 0 {
				inv.Layers = append(inv.Layers, r.layer(number))
				numbers[number] = len(inv.Layers)
			}
			c.layers[j] = numbers[number] - 1
		}
		c.collected = true
		img := Image{
			Reference: reference, Digest: found.manifest.digest(), Platform: r.platforms[i%len(r.platforms)].String(),
			MediaType: c.mediaType, LazyFormat: c.lazy, ConfigDigest: c.config.digest(), CreatedAt: c.created, Layers: c.layers,
		}
		if found.soci && img.LazyFormat == "" {
			img.LazyFormat = SOCI
		}
		if found.index != (hash{}) {
			img.IndexDigest = found.index.digest()
		}
		inv.Images = append(inv.Images, img)
	}
	inv.Doubts = slices.Concat(r.table.doubts(), inv.emptyBlobs(), inv.oddDoubts())
	inv.estimateMissing()
	return inv
}

// emptyBlobs doubts stated sizes of 0 bytes: even the smallest compressed layer
// has some.
func (inv *Inventory) emptyBlobs() (doubts []string) {
	n := 0
	for i := range inv.Layers {
		if l := &inv.Layers[i]; l.CompressedBytes == 0 && l.CompressedSource == "" {
			n++
		}
	}
	if n > 0 {
		doubts = append(doubts, fmt.Sprintf("%d layers are stated to be of 0 bytes, which no layer is.", n))
	}
	return doubts
}

// layer is a table entry as the Inventory has it, with what is known of its
// sizes.
func (r *resolver) layer(number int) Layer {
	e := r.table.entries[number]
	l := e.layer()
	if s := e.stored; s != nil {
		r.sizeStored(&l, s)
	}
	if m, ok := r.opt.Sizes[l.Digest]; ok {
		l.UnpackedBytes, l.Files, l.UnpackedSource, l.UnpackedMethod = &m.UnpackedBytes, &m.Files, Measured, ""
	}
	return l
}

// unresolved lists a reference, once for all platforms with the same reason.
func (inv *Inventory) unresolved(reference string, err error) {
	u := Unresolved{reference, reason(err) + localHint(reference)}
	if n := len(inv.Unresolved); n > 0 && inv.Unresolved[n-1] == u {
		return
	}
	inv.Unresolved = append(inv.Unresolved, u)
}

// reason words an error for a list.
func reason(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "not looked up: interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "not looked up: out of time"
	}
	// The list names the reference already.
	if fault, ok := errors.AsType[*distribution.Error](err); ok {
		return fault.Reason()
	}
	return err.Error()
}

// progress tells how far the work is, from one goroutine at a time.
type progress struct {
	report func(Progress)
	mu     sync.Mutex
	now    Progress
}

func (p *progress) begin(what string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = Progress{What: what, Total: total}
	// Even the first of them may take long.
	if p.report != nil && total > 0 {
		p.report(p.now)
	}
}

func (p *progress) add(n int64) {
	if p.report == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done += n
	p.report(p.now)
}

// scanJobs is how many layers are read at once: each keeps up to two cores busy.
func scanJobs() int { return max(1, runtime.GOMAXPROCS(0)) }

// sortedKeys are a map's, in the order in which people are shown them.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
