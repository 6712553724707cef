package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// layout compares copies of all tags in one OCI layout, indexes whole.
func (c *comparison) layout(ctx context.Context, host string, names []string) error {
	var references []string
	for _, name := range names {
		reference := "oci:" + filepath.Join(c.dir, "layout") + ":" + flat(name)
		if err := c.skopeo.copy(ctx, host+"/"+name, reference, "--all"); err != nil {
			return err
		}
		references = append(references, reference)
	}
	ours, err := c.cachebench.analyze(ctx, comparedPlatforms, references)
	if err != nil {
		return err
	}
	for _, reference := range references {
		for _, platform := range comparedPlatforms {
			mine, err := ours.image(reference, platform)
			if err == nil {
				err = c.image(ctx, mine, c.skopeo, reference, platform)
			}
			if err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(filepath.Join(c.dir, "layout"))
}

// archives compares copies of all tags, one after another, in archives: OCI's,
// and docker save's, which holds no manifest and no compressed layer.
func (c *comparison) archives(ctx context.Context, host string, names []string) error {
	file := filepath.Join(c.dir, "image.tar")
	for _, name := range names {
		if err := c.archive(ctx, host+"/"+name, "oci-archive:"+file+":"+flat(name), c.skopeo.image); err != nil {
			return err
		}
		err := c.archive(ctx, host+"/"+name, "docker-archive:"+file+":"+name, c.skopeo.saved)
		if errors.Is(err, errNotSaved) {
			fmt.Fprintf(c.out, "%s: skopeo does not write a docker-archive of it (%s)\n", name, errNotSaved)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// archive compares one copy, for the first platform, as skopeo looks at it.
func (c *comparison) archive(ctx context.Context, from, to string, look func(ctx context.Context, reference, platform string) (facts, error)) error {
	platform := comparedPlatforms[0]
	if err := c.skopeo.copy(ctx, from, to); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(c.dir, "image.tar"))
	ours, err := c.cachebench.analyze(ctx, []string{platform}, []string{to})
	if err != nil {
		return err
	}
	theirs, err := look(ctx, to, platform)
	if err != nil {
		return err
	}
	mine, err := ours.image(to, platform)
	if err != nil {
		return err
	}
	c.compare(to+" on "+platform, c.skopeo.name(), theirs, mine)
	return nil
}

// flat is a name without what tells repository and tag apart, for a tag.
func flat(name string) string { return strings.NewReplacer("/", "-", ":", "-").Replace(name) }

// copy copies an image from a registry, for linux/amd64 unless flags say
// otherwise.
func (s *skopeo) copy(ctx context.Context, from, to string, flags ...string) error {
	args := []string{"copy", "--quiet", "--src-tls-verify=false", "--override-os", "linux", "--override-arch", "amd64"}
	_, err := s.run(ctx, append(append(args, flags...), "docker://"+from, to)...)
	if err != nil && strings.Contains(err.Error(), errNotSaved.Error()) {
		return errNotSaved
	}
	return err
}

// errNotSaved is what skopeo says of images with zstd layers when they are to be
// a docker save archive.
var errNotSaved = errors.New("zstd compression is not supported for docker images")

// saved looks at a docker save archive. The manifest that skopeo shows of it is
// its own work, but for the config and the tars that it names.
func (s *skopeo) saved(ctx context.Context, reference, platform string) (facts, error) {
	config, err := s.inspect(ctx, reference, platform, "--config", "--raw")
	if err != nil {
		return nil, err
	}
	f := facts{"manifest": digestOf(config)}
	if err := f.addConfig(config); err != nil {
		return nil, err
	}
	raw, err := s.inspect(ctx, reference, platform, "--raw")
	if err != nil {
		return nil, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("read what skopeo says of %s: %w", reference, err)
	}
	for i, l := range manifest.Layers {
		f[nth("tar", i)] = fmt.Sprintf("%d bytes", l.Size)
	}
	return f, nil
}
