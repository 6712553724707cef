package export

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// A nodeImage is an image for a disk, with the platform that its nodes have.
type nodeImage struct {
	Image
	platform string
}

// nodeImages are the images that disks of nodes are to hold: those of the pools, or in
// a plan without pools those of the caches.
func (e *exporter) nodeImages() ([]nodeImage, error) {
	var list []nodeImage
	pools, err := e.pools(PrePull, Baked)
	if err != nil && !errors.Is(err, ErrNothing) {
		return nil, err
	}
	for _, p := range pools {
		for _, image := range p.Images {
			list = append(list, nodeImage{image, p.Platform})
		}
	}
	if len(list) > 0 || len(e.opt.Pools) > 0 {
		return list, err
	}
	caches, err := e.caches()
	if err == nil {
		err = checkPlatform(e.Plan.Platform)
	}
	var images []Image
	for i := range caches {
		for _, ref := range cacheImages(&caches[i]) {
			images = append(images, Image{ref, e.digest(ref)})
		}
	}
	for _, image := range images {
		list = append(list, nodeImage{image, e.Plan.Platform})
	}
	return list, errors.Join(err, e.checkPinned(images))
}

// imageList writes the images for a disk, a line each.
func (e *exporter) imageList(format Format) ([]byte, error) {
	images, err := e.nodeImages()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, image := range images {
		switch format {
		case ImageListGKE:
			lines = append(lines, gkeLines(&image, e.opt.Nodes.Pin)...)
		case ImageListCtr:
			lines = append(lines, ctrLines(&image))
		default:
			lines = append(lines, image.names(e.opt.Nodes.Pin)...)
		}
	}
	text := strings.Join(unique(lines), "\n") + "\n"
	if format == ImageListCtr {
		text = ctrHead + text
	}
	return []byte(text), nil
}

// gkeLines are flags of GKE's disk image builder, which wants whole names with their tags
// (ai-on-gke/tools, gke-disk-image-builder/README.md, --container-image).
func gkeLines(image *nodeImage, pin string) []string {
	var flags []string
	for _, name := range image.names(pin) {
		flags = append(flags, "--container-image="+full(name))
	}
	return flags
}

const ctrHead = `#!/bin/sh
# Pulls the images of a plan into the containerd of this host, as the kubelet sees them:
# for a disk that nodes are made from, as Bottlerocket's images cache does
# (aws-samples/bottlerocket-images-cache, snapshot.sh).
set -eu
`

// ctrLines pull an image by its digest, and then give that the name that pods use.
func ctrLines(image *nodeImage) string {
	byTag := full(bare(image.Reference))
	_, digest, _ := strings.Cut(image.pinned(), "@")
	if digest == "" {
		return fmt.Sprintf("ctr --namespace k8s.io images pull --platform %s %s", image.platform, byTag)
	}
	repository, _, _ := strings.Cut(byTag, "@")
	if i := strings.LastIndex(repository, ":"); i > strings.LastIndex(repository, "/") {
		repository = repository[:i]
	}
	byDigest := repository + "@" + digest
	text := fmt.Sprintf("ctr --namespace k8s.io images pull --platform %s %s", image.platform, byDigest)
	if tag, _, _ := strings.Cut(byTag, "@"); tag != repository {
		text += fmt.Sprintf("\nctr --namespace k8s.io images tag --force %s %s", byDigest, tag)
	}
	return text
}

// listed are the names of a cache's images in a list: those that ECI matches by, unless it
// is said how they are to be named.
func (e *exporter) listed(c *plan.PlannedCache) ([]string, error) {
	images := make([]Image, 0, len(c.Images))
	for _, ref := range cacheImages(c) {
		images = append(images, Image{ref, e.digest(ref)})
	}
	var names []string
	for i := range images {
		names = append(names, images[i].names(or(e.opt.Nodes.Pin, PinTag))...)
	}
	return unique(names), e.checkPinned(images)
}

// list writes what there is in columns: cache or pool, its name, a cache's size in
// GiB (- for a pool), a reference; tabs between them.
func (e *exporter) list() ([]byte, error) {
	var out bytes.Buffer
	caches, err := e.caches()
	if err != nil && !errors.Is(err, ErrNothing) {
		return nil, err
	}
	for i := range caches {
		names, err := e.listed(&caches[i])
		if err != nil {
			return nil, fmt.Errorf("cache %s of the plan: %w", said(caches[i].Name), err)
		}
		for _, ref := range names {
			fmt.Fprintf(&out, "cache\t%s\t%d\t%s\n", said(caches[i].Name), sizeGiB(&caches[i]), ref)
		}
	}
	pools, poolErr := e.pools(PrePull, Baked)
	if poolErr != nil && !errors.Is(poolErr, ErrNothing) {
		return nil, poolErr
	}
	for i := range pools {
		for _, image := range pools[i].Images {
			for _, ref := range image.names(e.opt.Nodes.Pin) {
				fmt.Fprintf(&out, "pool\t%s\t-\t%s\n", said(pools[i].Name), ref)
			}
		}
	}
	if out.Len() == 0 {
		return nil, e.nothing("no cache and no image for nodes")
	}
	return out.Bytes(), nil
}
