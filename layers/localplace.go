package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/local"
)

// locals are the sources of images on this machine, each opened once for all
// references to it.
type locals struct {
	opt     *Options
	mu      sync.Mutex
	sources map[string]*localSource
}

// localSource is one of them, or why it cannot be read. Just one of store,
// archive and docker is set.
type localSource struct {
	once    sync.Once
	store   local.Store
	archive *local.DockerArchive
	docker  *local.Docker
	err     error
}

// open returns the place of a reference, or where Docker keeps its image.
func (l *locals) open(ctx context.Context, transport, rest string) (place, dockerSource, error) {
	path, name := rest, ""
	switch transport {
	case "containerd", "docker-daemon":
		path, name = "", rest
	default:
		path, name = splitPath(rest)
	}
	s := l.source(ctx, transport, path)
	switch {
	case s.err != nil:
		return nil, nil, s.err
	case s.archive != nil:
		return nil, &archivedImage{s.archive, name}, nil
	case s.docker != nil:
		return nil, &engineImage{s.docker, name}, nil
	}
	return &storePlace{s.store, name}, nil, nil
}

func (l *locals) source(ctx context.Context, transport, path string) *localSource {
	l.mu.Lock()
	if l.sources == nil {
		l.sources = make(map[string]*localSource)
	}
	s := l.sources[transport+":"+path]
	if s == nil {
		s = &localSource{}
		l.sources[transport+":"+path] = s
	}
	l.mu.Unlock()
	s.once.Do(func() { s.err = s.begin(ctx, l.opt, transport, path) })
	return s
}

func (s *localSource) begin(ctx context.Context, opt *Options, transport, path string) (err error) {
	if form := map[string]string{"oci": "DIR[:TAG]", "oci-archive": "FILE[:TAG]", "docker-archive": "FILE[:REF]"}[transport]; path == "" && form != "" {
		return fmt.Errorf("%s: names no path: write %[1]s:%s", transport, form)
	}
	switch transport {
	case "oci":
		s.store, err = asStore(local.OpenLayout(path))
	case "oci-archive":
		s.store, err = asStore(local.OpenArchive(ctx, path))
	case "containerd":
		s.store, err = asStore(local.OpenContainerd(ctx, opt.ContainerdRoot, opt.ContainerdNamespace))
	case "docker-archive":
		s.archive, err = local.OpenDockerArchive(ctx, path)
	case "docker-daemon":
		s.docker, err = local.NewDocker(opt.Docker)
	default:
		err = fmt.Errorf("%s: names no source of images", transport)
	}
	return err
}

// asStore keeps a nil pointer from becoming a store that is not nil.
func asStore[S local.Store](s S, err error) (local.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *locals) close() error {
	var errs []error
	for _, key := range sortedKeys(l.sources) {
		s := l.sources[key]
		switch {
		case s.store != nil:
			errs = append(errs, s.store.Close())
		case s.archive != nil:
			errs = append(errs, s.archive.Close())
		case s.docker != nil:
			errs = append(errs, s.docker.Close())
		}
	}
	return errors.Join(errs...)
}

// storePlace is one image of a layout, an archive or containerd.
type storePlace struct {
	store local.Store
	name  string
}

func (p *storePlace) top(ctx context.Context, buf []byte) (topDocument, error) {
	found, err := p.store.Lookup(ctx, p.name)
	if err != nil {
		return topDocument{}, err
	}
	d := descriptor{digest: jsonText{raw: []byte(found.Digest)}, size: found.Size, mediaType: found.MediaType}
	if err := d.validate(); err != nil {
		return topDocument{}, err
	}
	raw, err := p.manifest(ctx, &d, buf)
	return topDocument{raw: raw, mediaType: found.MediaType, hash: d.hash}, err
}

func (p *storePlace) manifest(ctx context.Context, d *descriptor, _ []byte) ([]byte, error) {
	return p.document(ctx, d, distribution.MaxManifestBytes)
}

func (p *storePlace) config(ctx context.Context, d *descriptor, _ []byte) ([]byte, error) {
	return p.document(ctx, d, distribution.MaxConfigBytes)
}

func (p *storePlace) document(ctx context.Context, d *descriptor, limitBytes int64) ([]byte, error) {
	raw, err := p.store.Document(ctx, string(d.hash.digest()), limitBytes)
	if err != nil {
		return nil, err
	}
	return checked(raw, d)
}

func (p *storePlace) blob(ctx context.Context, l *Layer) (io.ReadCloser, error) {
	return p.store.Blob(ctx, string(l.Digest))
}

// splitPath splits FILE[:NAME]. A path holds no colon (containers-transports(5)),
// but for the drive that it may begin with on Windows.
func splitPath(rest string) (path, name string) {
	from := 0
	if os.PathSeparator == '\\' && len(rest) > 2 && rest[1] == ':' && (rest[2] == '\\' || rest[2] == '/') {
		from = 2
	}
	for i := from; i < len(rest); i++ {
		if rest[i] == ':' {
			return rest[:i], rest[i+1:]
		}
	}
	return rest, ""
}
