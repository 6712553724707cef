package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Docker is a Docker engine, or podman's service that speaks the same API
// (docker-daemon:REF).
type Docker struct {
	host   string // as given
	base   string // scheme and authority of requests
	client *http.Client
}

// NewDocker prepares to ask the engine at host: unix:///PATH, tcp://HOST:PORT,
// http:// or https://. Empty means DOCKER_HOST or, without it, DefaultDockerHost.
// With DOCKER_TLS_VERIFY a tcp:// host is asked with the certificates in
// DOCKER_CERT_PATH. Nothing is sent yet.
func NewDocker(host string) (*Docker, error) {
	if host == "" {
		host = os.Getenv("DOCKER_HOST")
	}
	if host == "" {
		host = DefaultDockerHost
	}
	d, err := dial(host)
	if err != nil {
		return nil, fmt.Errorf("Docker engine at %s: %w", shownHost(host), err)
	}
	return d, nil
}

// Close drops idle connections.
func (d *Docker) Close() error {
	d.client.CloseIdleConnections()
	return nil
}

// engineImage is the reply of GET /images/{name}/json (Docker Engine API v1.47,
// ImageInspect).
type engineImage struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Created      string
	OS           string `json:"Os"`
	Architecture string
	Variant      string
	RootFS       struct {
		Layers []string
	}
}

// engineStep is one item of the reply of GET /images/{name}/history, newest
// first (Docker Engine API v1.47, ImageHistory).
type engineStep struct {
	Created   int64 // seconds since 1970
	CreatedBy string
	Size      int64
}

// Image describes the image that a reference or an ID names. Nothing is
// exported.
func (d *Docker) Image(ctx context.Context, reference string) (*DockerImage, error) {
	version, err := d.version(ctx)
	if err != nil {
		return nil, d.wrap(reference, err)
	}
	var found engineImage
	if err := d.document(ctx, version+imagePath(reference)+"/json", &found); err != nil {
		return nil, d.wrap(reference, err)
	}
	var steps []engineStep
	if err := d.document(ctx, version+imagePath(reference)+"/history", &steps); err != nil {
		return nil, d.wrap(reference, err)
	}
	img, err := found.image(steps)
	if err != nil {
		return nil, d.wrap(reference, err)
	}
	return img, nil
}

func (d *Docker) wrap(reference string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("image %s of the Docker engine at %s: %w", quoted(reference), shownHost(d.host), err)
}

func (e *engineImage) image(steps []engineStep) (*DockerImage, error) {
	img := &DockerImage{
		ID: e.ID, References: e.RepoTags, RepoDigests: e.RepoDigests,
		OS: e.OS, Architecture: e.Architecture, Variant: e.Variant,
	}
	// The engine says nothing, or the year 1, of an image without a date.
	if t, err := time.Parse(time.RFC3339Nano, e.Created); err == nil {
		img.Created = t.UTC()
	}
	steps = slices.Clone(steps)
	slices.Reverse(steps)
	made := layerSteps(steps, len(e.RootFS.Layers))
	for i, s := range steps {
		img.History = append(img.History, DockerStep{s.CreatedBy, time.Unix(s.Created, 0).UTC(), made != nil && !made[i]})
	}
	if err := img.setLayers(e.RootFS.Layers); err != nil {
		return nil, err
	}
	if made == nil {
		return img, nil
	}
	layer := 0
	for i, s := range steps {
		if made[i] {
			img.Layers[layer].FileBytes = max(s.Size, -1) // an engine may not know either
			layer++
		}
	}
	return img, nil
}

// layerSteps says which steps made the n layers. The engine does not: a step of
// size 0 may be an instruction that makes no layer, or a layer without files
// (a mkdir, a WORKDIR). It returns nil where no reading gives n layers.
func layerSteps(steps []engineStep, n int) []bool {
	for _, isLayer := range []func(engineStep) bool{
		func(s engineStep) bool { return s.Size != 0 },
		func(s engineStep) bool { return s.Size != 0 || !onlyMetadata(s.CreatedBy) },
		func(engineStep) bool { return true },
	} {
		made := make([]bool, len(steps))
		count := 0
		for i, s := range steps {
			if made[i] = isLayer(s); made[i] {
				count++
			}
		}
		if count == n {
			return made
		}
	}
	return nil
}

// onlyMetadata says whether a step is an instruction that never makes a layer
// (Dockerfile reference), as the classic builder and BuildKit word it.
func onlyMetadata(createdBy string) bool {
	step := strings.TrimSpace(createdBy)
	if _, nop, ok := strings.Cut(step, "#(nop)"); ok {
		step = strings.TrimSpace(nop)
	}
	instruction, _, _ := strings.Cut(step, " ")
	switch strings.ToUpper(instruction) {
	case "ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME":
		return true
	}
	return false
}

// Export has the engine save an image and gives visit every layer of the stream
// once, by its name in the archive, in the order in which they come. A file that
// is neither a layer nor a document may be among them. The image, whose layers
// have those names in Entry, is known only afterwards, as its description may
// come last. visit need not read to the end; its error ends the export.
//
// An engine may write the whole image to its disk before it sends anything.
func (d *Docker) Export(ctx context.Context, reference string, visit func(entry string, r io.Reader) error) (*DockerImage, error) {
	version, err := d.version(ctx)
	if err != nil {
		return nil, d.wrap(reference, err)
	}
	body, err := d.get(ctx, version+imagePath(reference)+"/get")
	if err != nil {
		return nil, d.wrap(reference, err)
	}
	defer body.Close()
	img, err := exported(ctx, body, visit)
	if err != nil {
		return nil, d.wrap(reference, err)
	}
	return img, nil
}

func exported(ctx context.Context, body io.Reader, visit func(string, io.Reader) error) (*DockerImage, error) {
	stream := &tarStream{r: body}
	scan := tarScan{r: stream.reader(ctx), position: func() int64 { return stream.at }, keep: true, visit: visit}
	c, err := scan.contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	items, err := dockerItems(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if len(items) > 1 {
		return nil, fmt.Errorf("export: the engine sent %d images for one", len(items))
	}
	return items[0].image(ctx, c)
}

// imagePath is the path of an image; the engine takes the name's slashes as they
// are.
func imagePath(reference string) string {
	parts := strings.Split(reference, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/images/" + strings.Join(parts, "/")
}

// document reads a JSON reply.
func (d *Docker) document(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	body, err := d.get(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	raw, err := readDocument(body, maxIndexBytes)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the reply of %s is not what an engine says: %w", path, err)
	}
	return nil
}
