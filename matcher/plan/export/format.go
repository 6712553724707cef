package export

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// Format is a form in which a plan is exported.
type Format string

// The formats.
const (
	// CacheApply is a file of kind CacheSet, which cachebench itself reads.
	CacheApply Format = "cache-apply"
	// ImageCacheCRD is ECI's custom resource for caches.
	ImageCacheCRD Format = "imagecache-crd"
	// PodPatches name each app's cache in its pods.
	PodPatches Format = "pod-patches"
	// DaemonSet pulls images to the nodes of a pool.
	DaemonSet Format = "daemonset"
	// ImagePullJob is OpenKruise's ImageListPullJob.
	ImagePullJob Format = "image-pull-job"
	// ImageList has a reference a line.
	ImageList Format = "image-list"
	// ImageListGKE has the flags of GKE's disk image builder.
	ImageListGKE Format = "image-list-gke"
	// ImageListCtr is a script that pulls into a containerd.
	ImageListCtr Format = "image-list-ctr"
	// List has the caches and pools with their images, for other programs.
	List Format = "list"
)

// Description tells a user of a format.
type Description struct {
	Format Format
	// About says what it is and what it is for, in one line.
	About string
	// Use is how the file called FILE is applied, a command.
	Use string
}

// Formats describes all formats, those of caches first.
func Formats() []Description {
	return []Description{
		{CacheApply, "the image caches to have, for cachebench itself (kind CacheSet)", ""},
		{ImageCacheCRD, "ECI's ImageCache resources, to build caches from a cluster", "kubectl create -f FILE"},
		{PodPatches, "a patch for each app that names its cache in its pods", "kubectl apply --server-side --field-manager cachebench -f FILE"},
		{DaemonSet, "a DaemonSet for each node pool that pulls its images", "kubectl apply -f FILE"},
		{ImagePullJob, "OpenKruise's ImageListPullJob for each node pool", "kubectl apply -f FILE"},
		{ImageList, "a reference a line, with its digest, to build node images from", ""},
		{ImageListGKE, "the same as flags of GKE's disk image builder", "xargs -a FILE ./image-builder --project-name=…"},
		{ImageListCtr, "the same as a script that pulls into a containerd", "sh FILE"},
		{List, "caches, pools and their images in columns, for other programs", "cut -f 4 FILE"},
	}
}

// ParseFormat finds the format of a name.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, d := range Formats() {
		if string(d.Format) == name {
			return d.Format, nil
		}
		names = append(names, string(d.Format))
	}
	return "", fmt.Errorf("no format is called %q%s: there are %s", name, document.DidYouMean(name, names), strings.Join(names, ", "))
}
