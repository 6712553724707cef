package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// errNoPlatform: a client refuses an index that lacks the platform.
var errNoPlatform = errors.New("no image for the platform")

// A program is run with nobody's credentials and settings.
type program struct {
	path string
	// home is an empty directory.
	home string
	// refusal is what it prints where an index lacks the platform asked for.
	refusal string
}

// run returns what the program prints.
func (p *program) run(ctx context.Context, args ...string) ([]byte, error) {
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+p.home, "XDG_RUNTIME_DIR="+p.home, "REGISTRY_AUTH_FILE="+p.home+"/auth.json")
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if p.refusal != "" && strings.Contains(log.String(), p.refusal) {
			return nil, errNoPlatform
		}
		return nil, fmt.Errorf("%s %s: %w\n%s", p.path, strings.Join(args, " "), err, bytes.TrimSpace(log.Bytes()))
	}
	return out.Bytes(), nil
}

// A client tells of the image that a reference means on a platform; its error is
// errNoPlatform where it refuses.
type client interface {
	name() string
	image(ctx context.Context, reference, platform string) (facts, error)
}

// crane is go-containerregistry's client.
type crane struct{ program }

func (c *crane) name() string { return "crane" }

func (c *crane) image(ctx context.Context, reference, platform string) (facts, error) {
	var answers [3][]byte
	refused := 0
	for i, command := range []string{"digest", "manifest", "config"} {
		answer, err := c.run(ctx, command, "--insecure", "--platform", platform, reference)
		switch {
		case errors.Is(err, errNoPlatform):
			refused++
		case err != nil:
			return nil, err
		}
		answers[i] = answer
	}
	switch refused {
	case 0:
	case len(answers):
		return nil, errNoPlatform
	default:
		return nil, fmt.Errorf("%s: crane refuses %s in %d of %d commands", reference, platform, refused, len(answers))
	}
	f, err := factsOf(answers[1], answers[2])
	if err != nil {
		return nil, err
	}
	if digest := string(bytes.TrimSpace(answers[0])); digest != f["manifest"] {
		return nil, fmt.Errorf("%s: crane digest is %s, but its manifest has %s", reference, digest, f["manifest"])
	}
	return f, nil
}

// skopeo is containers/image's client. Its references are those of
// containers-transports(5).
type skopeo struct{ program }

func (s *skopeo) name() string { return "skopeo" }

// inspect asks for a document of an image; tls-verify is for registries alone.
func (s *skopeo) inspect(ctx context.Context, reference, platform string, flags ...string) ([]byte, error) {
	system, architecture, _ := strings.Cut(platform, "/")
	args := []string{"inspect", "--override-os", system, "--override-arch", architecture, "--tls-verify=false"}
	return s.run(ctx, append(append(args, flags...), reference)...)
}

// image takes the platform's config from skopeo. Its inspect --raw gives only
// what the reference names: in an index, the child with that config is the one
// that it has chosen.
func (s *skopeo) image(ctx context.Context, reference, platform string) (facts, error) {
	top, err := s.inspect(ctx, reference, platform, "--raw")
	if err != nil {
		return nil, err
	}
	config, err := s.inspect(ctx, reference, platform, "--config", "--raw")
	if err != nil {
		return nil, err
	}
	children, err := childrenOf(top)
	if err != nil {
		return nil, err
	}
	if children == nil {
		return factsOf(top, config)
	}
	for _, child := range children {
		manifest, err := s.child(ctx, reference, string(child.Digest))
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if json.Unmarshal(manifest, &m) != nil || string(m.Config.Digest) != digestOf(config) {
			continue
		}
		f, err := factsOf(manifest, config)
		if err == nil {
			f["index"] = digestOf(top)
		}
		return f, err
	}
	return nil, fmt.Errorf("%s: no child of the index has the config %s that skopeo chooses", reference, digestOf(config))
}

// child fetches a manifest by digest: from a registry, or as the blob of an OCI
// layout, where skopeo knows no digests.
func (s *skopeo) child(ctx context.Context, reference, digest string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(reference, "oci:"); ok {
		dir, _, _ := strings.Cut(rest, ":")
		return os.ReadFile(dir + "/blobs/" + strings.Replace(digest, ":", "/", 1))
	}
	return s.inspect(ctx, reference[:strings.LastIndex(reference, ":")]+"@"+digest, "linux/amd64", "--raw")
}

// childrenOf returns the manifests that an index names; nil for a manifest.
func childrenOf(raw []byte) ([]v1.Descriptor, error) {
	var index v1.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("read a manifest or an index: %w", err)
	}
	return index.Manifests, nil
}
