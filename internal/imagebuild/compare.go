package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A comparison sets what cachebench says of images against what other clients
// say of the same ones.
type comparison struct {
	// dir is for what the programs write.
	dir        string
	crane      *crane
	skopeo     *skopeo
	cachebench *cachebench
	out        io.Writer

	// facts counts what was compared, refusals the indexes that a client refused
	// for want of a platform.
	facts, differing int
	refusals         map[string]int
}

// comparedPlatforms are those that some images have and one that none has.
var comparedPlatforms = []string{"linux/amd64", "linux/arm64", "linux/s390x"}

// compareClients compares cachebench with crane and skopeo on every tag of a
// layout that was pushed to the registry at host, with skopeo on copies that
// skopeo makes of them, and its scan of every layer with layers.csv.
func compareClients(ctx context.Context, l layout, host string, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "imagebuild-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := newComparison(ctx, dir, stdout)
	if err != nil {
		return err
	}
	names, err := l.names()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"the registry", func(ctx context.Context) error { return c.registry(ctx, host, names) }},
		{"an OCI layout", func(ctx context.Context) error { return c.layout(ctx, host, names) }},
		{"archives", func(ctx context.Context) error { return c.archives(ctx, host, names) }},
		{"every layer", func(ctx context.Context) error { return c.scan(ctx, l, host, names) }},
	} {
		start, before := time.Now(), c.facts
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("compare %s: %w", part.what, err)
		}
		fmt.Fprintf(stdout, "%s: %d facts compared, %.0f s\n", part.what, c.facts-before, time.Since(start).Seconds())
	}
	if c.differing > 0 {
		return fmt.Errorf("%d of %d facts differ", c.differing, c.facts)
	}
	fmt.Fprintf(stdout, "all %d facts agree\n", c.facts)
	return nil
}

// newComparison finds the programs, and builds cachebench.
func newComparison(ctx context.Context, dir string, out io.Writer) (*comparison, error) {
	craneFile, err := craneCommand(ctx)
	if err != nil {
		return nil, err
	}
	skopeoFile, err := exec.LookPath("skopeo")
	if err != nil {
		return nil, fmt.Errorf("find skopeo (Debian's package skopeo): %w", err)
	}
	file := filepath.Join(dir, "cachebench")
	build := exec.CommandContext(ctx, "go", "build", "-o", file, "github.com/cachebench/cachebench/cmd/cachebench")
	if log, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build cachebench: %w\n%s", err, log)
	}
	return &comparison{
		dir:        dir,
		crane:      &crane{program{craneFile, dir, "no child with platform"}},
		skopeo:     &skopeo{program{skopeoFile, dir, "no image found in"}},
		cachebench: &cachebench{program{path: file, home: dir}},
		out:        out, refusals: map[string]int{},
	}, nil
}

// names are the layout's references without the registry: shop/web:1.4.0.
func (l layout) names() ([]string, error) {
	entries, err := l.entries()
	if err != nil {
		return nil, fmt.Errorf("read the layout %s: %w", l, err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimPrefix(entry.Annotations[refNameAnnotation], registryHost+"/"))
	}
	return names, nil
}

// registry compares all tags on all platforms with both clients.
func (c *comparison) registry(ctx context.Context, host string, names []string) error {
	var references []string
	for _, name := range names {
		references = append(references, host+"/"+name)
	}
	ours, err := c.cachebench.analyze(ctx, comparedPlatforms, references)
	if err != nil {
		return err
	}
	lacking := 0
	for _, reference := range references {
		for _, platform := range comparedPlatforms {
			mine, err := ours.image(reference, platform)
			if err != nil {
				return err
			}
			if mine["has the platform"] == "no" {
				lacking++
			}
			if err := c.image(ctx, mine, c.crane, reference, platform); err != nil {
				return err
			}
			if err := c.image(ctx, mine, c.skopeo, "docker://"+reference, platform); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(c.out, "refused for want of the platform: %d by cachebench; of the indexes among them %d by crane, %d by skopeo\n",
		lacking, c.refusals["crane"], c.refusals["skopeo"])
	return nil
}

// image compares the facts of an image with what a client says of it.
func (c *comparison) image(ctx context.Context, ours facts, other client, reference, platform string) error {
	theirs, err := other.image(ctx, reference, platform)
	if errors.Is(err, errNoPlatform) {
		c.refusals[other.name()]++
		theirs, err = none, nil
	}
	if err != nil {
		return err
	}
	c.compare(reference+" on "+platform, other.name(), theirs.on(platform), ours)
	return nil
}

// compare counts the facts of another and prints those that differ.
func (c *comparison) compare(what, who string, theirs, ours facts) {
	c.facts += len(theirs)
	for _, difference := range theirs.differences(who, ours, "cachebench") {
		c.differing++
		fmt.Fprintf(c.out, "%s: %s\n", what, difference)
	}
}
