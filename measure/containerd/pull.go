//go:build linux

package containerd

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/platforms"
	"golang.org/x/sync/semaphore"
)

// defaultDownloads is max_concurrent_downloads where nothing is said (containerd
// 2.4.2, plugins/transfer/plugin.go; 1.7.35, pkg/cri/config/config_unix.go).
const defaultDownloads = 3

// pull pulls an image and unpacks it.
func (n *node) pull(ctx context.Context, ref string, downloads int) error {
	var err error
	if n.method == MethodTransfer {
		err = n.transfer(ctx, ref)
	} else {
		err = n.pullByClient(ctx, ref, downloads)
	}
	if err != nil {
		return fmt.Errorf("pull %s on node %d: %w", ref, n.number, n.runner.logins.why(unsigned{err}))
	}
	return nil
}

// unsigned is an error without the secrets of URLs in it, since a timeline keeps why a
// start is void, and is made to be shown around: registries redirect to stores by URLs
// whose query is as good as a login, and containerd tells the whole URL.
type unsigned struct{ error }

var (
	urlQuery = regexp.MustCompile(`(://[^\s"'?]*)\?[^\s"']*?([:;,.)]*(?:[\s"']|$))`)
	urlUser  = regexp.MustCompile(`://[^\s"'/?@]*@`)
)

func (e unsigned) Error() string {
	return urlUser.ReplaceAllString(urlQuery.ReplaceAllString(e.error.Error(), "$1?...$2"), "://...@")
}

func (e unsigned) Unwrap() error { return e.error }

// transfer has the daemon pull by itself, as under a kubelet.
func (n *node) transfer(ctx context.Context, ref string) error {
	// With it ends what answers the daemon's questions for logins.
	ctx, done := context.WithCancel(ctx)
	defer done()
	opts := []registry.Opt{registry.WithHostDir(n.hostDir())}
	if n.runner.logins.any() {
		opts = append(opts, registry.WithCredentials(n.runner.logins))
	}
	source, err := registry.NewOCIRegistry(ctx, ref, opts...)
	if err != nil {
		return err
	}
	p, err := platforms.Parse(n.runner.opt.Platform)
	if err != nil {
		return err
	}
	return n.client.Transfer(ctx, source, image.NewStore(ref, image.WithPlatforms(p), image.WithUnpack(p, n.runner.opt.Snapshotter)))
}

// pullByClient fetches in this program, which hands blobs to the daemon.
func (n *node) pullByClient(ctx context.Context, ref string, downloads int) error {
	if downloads == 0 {
		downloads = defaultDownloads
	}
	_, err := n.client.Pull(ctx, ref,
		containerd.WithResolver(n.resolver(ctx)),
		containerd.WithPlatform(n.runner.opt.Platform),
		containerd.WithPullUnpack,
		containerd.WithPullSnapshotter(n.runner.opt.Snapshotter),
		containerd.WithDownloadLimiter(semaphore.NewWeighted(int64(downloads))),
		containerd.WithUnpackOpts([]containerd.UnpackOpt{containerd.WithUnpackDuplicationSuppressor(n.locks)}))
	return err
}

// resolver finds registries from the node's network and notes what it asks.
func (n *node) resolver(ctx context.Context) remotes.Resolver {
	options := config.HostOptions{UpdateClient: func(c *http.Client) error {
		if t, ok := c.Transport.(*http.Transport); ok && n.runner.opt.Lab != nil {
			t.DialContext = dialerOf(n.runner.opt.Lab, n.number)
		}
		c.Transport = noting{c.Transport, n.own}
		return nil
	}}
	if n.runner.logins.any() {
		options.Credentials = func(host string) (user, secret string, err error) {
			c, err := n.runner.logins.GetCredentials(ctx, "", host)
			return c.Username, c.Secret, err
		}
	}
	if dir := n.hostDir(); dir != "" {
		options.HostDir = config.HostDirFromRoot(dir)
	}
	return docker.NewResolver(docker.ResolverOptions{Hosts: config.ConfigureHosts(ctx, options)})
}

// requestLog holds requests of this program.
type requestLog struct {
	mu       sync.Mutex
	requests []request
}

func (l *requestLog) drain() []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.requests
	l.requests = nil
	return r
}

// noting notes requests when they are sent.
type noting struct {
	http.RoundTripper
	log *requestLog
}

func (t noting) RoundTrip(r *http.Request) (*http.Response, error) {
	asked, ok := requestOf(r.URL.Path)
	asked.at = time.Now()
	resp, err := t.RoundTripper.RoundTrip(r)
	if ok && err == nil && r.Method == http.MethodGet {
		t.log.mu.Lock()
		defer t.log.mu.Unlock()
		t.log.requests = append(t.log.requests, asked)
	}
	return resp, err
}

// keyedLocks are locks by name, as containerd wants them.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

func newKeyedLocks() *keyedLocks { return &keyedLocks{held: map[string]chan struct{}{}} }

// Lock waits until nobody else has the key.
func (k *keyedLocks) Lock(ctx context.Context, key string) error {
	for {
		k.mu.Lock()
		held, ok := k.held[key]
		if !ok {
			k.held[key] = make(chan struct{})
			k.mu.Unlock()
			return nil
		}
		k.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unlock gives the key up.
func (k *keyedLocks) Unlock(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.held[key])
	delete(k.held, key)
}
