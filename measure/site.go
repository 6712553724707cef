package measure

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// Site is a registry of the experiment's own with its images, behind a link whose
// rate and delay each arm sets, and the nodes that pull from it.
type Site struct {
	// Lab is the network.
	Lab *lab.Lab
	// Inventory holds the images as the registry serves them, each layer read once
	// for its size and number of files.
	Inventory *layers.Inventory
	// Names are what the registry calls the references that were given, no two of
	// them alike unless the references are two spellings of one.
	Names map[string]string
	// Hosts are the registries' names that references use, in their normal form
	// (docker.io is index.docker.io); the lab's registry answers for all of them.
	Hosts []string

	hosts hosts
	// copied are the digests of images that were copied, by what they are called.
	copied map[string]layers.Digest
}

// SiteOptions say what a site is made of.
type SiteOptions struct {
	// References are the images, each of any source that package layers reads, but
	// Docker's archives and engines, which keep no manifests.
	References []string
	// Layouts are OCI layout directories with all their layers by the name of the
	// registry that they are served as; images of other sources are copied to Copies
	// first.
	Layouts map[string]string
	// Copies is a directory for the copies, which may be used again, and by several
	// experiments at once; empty is CopiesDir, once something is to be copied.
	Copies string
	// Resolve says how images are read; Resolve.Platforms names one at most.
	Resolve layers.Options
	// Lab says how many nodes there are.
	Lab lab.Options
}

// NewSite serves the images of opt.References, and reads all their layers once.
func NewSite(ctx context.Context, opt SiteOptions) (*Site, error) {
	s := &Site{Names: make(map[string]string), hosts: make(hosts), copied: make(map[string]layers.Digest)}
	if err := s.serve(ctx, &opt); err != nil {
		return nil, err
	}
	if err := s.read(ctx, &opt); err != nil {
		return nil, err
	}
	var err error
	if s.Lab, err = lab.New(ctx, s.hosts, opt.Lab); err != nil {
		return nil, err
	}
	return s, nil
}

// Close takes the site apart.
func (s *Site) Close() error { return s.Lab.Close() }

// Served is what the registry calls a reference that was given.
func (s *Site) Served(reference string) string {
	if name, ok := s.Names[reference]; ok {
		return name
	}
	return reference
}

// facts say where the images of an experiment come from; a nil site stands for
// registries as they are.
func (s *Site) facts() []simulate.Fact {
	if s == nil {
		return []simulate.Fact{{Name: FactRegistry, Value: asNamed}, {Name: FactLink, Value: "this host's network"}}
	}
	return []simulate.Fact{{Name: FactRegistry, Value: "of the experiment's own"}, {Name: FactLink, Value: s.Lab.Words()}}
}

// serve makes the registries: the layouts, and copies of what is in none of them.
func (s *Site) serve(ctx context.Context, opt *SiteOptions) error {
	for _, name := range slices.Sorted(maps.Keys(opt.Layouts)) {
		dir := opt.Layouts[name]
		host := normalHost(name)
		if _, twice := s.hosts[host]; twice {
			return fmt.Errorf("registry %s from %s: another layout is served as that registry: it is called %s too", name, dir, host)
		}
		handler, err := registry.Handler(host, os.DirFS(dir))
		if err != nil {
			return fmt.Errorf("registry %s from %s: %w", name, dir, err)
		}
		s.hosts[host] = served{handler, os.DirFS(dir)}
	}
	elsewhere := s.name(opt.References)
	if len(elsewhere) > 0 {
		if err := s.copy(ctx, elsewhere, opt); err != nil {
			return err
		}
	}
	s.Hosts = slices.Sorted(maps.Keys(s.hosts))
	return nil
}

// name decides what references are called, and returns those that no layout has.
// Those of a registry keep their names. A source on this machine has its own only
// where that names a registry and nothing else has it: a registry's image of that
// name may be another one.
func (s *Site) name(references []string) (elsewhere []string) {
	taken := make(map[string]bool)
	var local []string
	for _, reference := range references {
		n, err := layers.ParseName(reference)
		if _, ok := layers.RegistryOf(reference); !ok || err != nil {
			local = append(local, reference)
			continue
		}
		s.Names[reference] = n.String()
		taken[n.String()] = true
		if _, ok := s.hosts[n.Registry]; !ok {
			elsewhere = append(elsewhere, reference)
		}
	}
	for _, reference := range local {
		if _, again := s.Names[reference]; again {
			continue
		}
		n, ok := ownName(reference)
		_, layout := s.hosts[n.Registry]
		if !ok || layout || taken[n.String()] {
			n = madeName(reference)
		}
		s.Names[reference] = n.String()
		taken[n.String()] = true
		elsewhere = append(elsewhere, reference)
	}
	return elsewhere
}

// ownName is the name that a source on this machine states for its image, as
// oci:DIR:registry.example.com/app:1 does; false where that names no registry.
func ownName(reference string) (n layers.Name, ok bool) {
	transport, stated, _ := strings.Cut(reference, ":")
	switch transport {
	case "oci", "oci-archive", "docker-archive":
		_, stated, _ = strings.Cut(stated, ":")
	}
	host, _, ok := strings.Cut(stated, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return n, false
	}
	n, err := layers.ParseName(reference)
	n.Digest = "" // which would be of what the source calls so
	return n, err == nil && n.Tag != ""
}

// ownHost names the registry of images that no registry's name is known of.
const ownHost = "images.cachebench.invalid"

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// mostOfName is how much of a reference is told in a name that is made of it: a
// repository has at most 255 bytes.
const mostOfName = 100

// madeName is a name for an image of any source that a runtime can pull by. What
// letters it drops its digest tells apart.
func madeName(reference string) layers.Name {
	text := notInName.ReplaceAllString(strings.ToLower(reference), "-")
	text = strings.Trim(text[max(0, len(text)-mostOfName):], "-")
	sum := sha256.Sum256([]byte(reference))
	return layers.Name{Registry: ownHost, Repository: fmt.Sprintf("%s-%x", text, sum[:4]), Tag: "measured"}
}

// MadeName is what timelines call an image of a source on this machine that states no
// registry's name, as oci:DIR; empty for a reference that they call otherwise.
func MadeName(reference string) string {
	switch transport, _, _ := strings.Cut(reference, ":"); transport {
	case "oci", "oci-archive", "docker-archive":
		if _, ok := ownName(reference); !ok {
			return madeName(reference).String()
		}
	}
	return ""
}

// copy copies images to a directory, and serves them as they are called.
func (s *Site) copy(ctx context.Context, references []string, opt *SiteOptions) error {
	// The directory may have a layer from another image, or from an earlier experiment, that
	// this one's source lacks: it would be measured as if it were whole.
	resolve := opt.Resolve
	resolve.Present, resolve.Hashed, resolve.ManifestsAlone = true, true, false
	inv, err := layers.Resolve(ctx, references, resolve)
	if err != nil {
		return err
	}
	if err := unread(inv); err != nil {
		return err
	}
	dir := opt.Copies
	if dir == "" {
		if dir, err = CopiesDir(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a directory for copies of images: %w: have XDG_CACHE_HOME name a directory of your own, or serve an OCI layout as it is (--registry NAME=DIR)", err)
	}
	if err := inv.Copy(ctx, dir, s.Served, opt.Resolve); err != nil {
		return err
	}
	// The directory's index is not asked: another experiment may write to it.
	tags := make(map[string]map[string]string)
	for i := range inv.Images {
		img := &inv.Images[i]
		name := s.Served(img.Reference)
		n, err := layers.ParseName(name)
		if err != nil {
			return err
		}
		if tags[n.Registry] == nil {
			tags[n.Registry] = make(map[string]string)
		}
		if n.Digest == "" {
			tags[n.Registry][n.Repository+":"+n.Tag] = string(topOf(img))
		}
		s.copied[name] = img.Digest
	}
	for host, digests := range tags {
		s.hosts[host] = served{registry.Tags(os.DirFS(dir), digests), os.DirFS(dir)}
	}
	return nil
}

// topOf is what a tag of the image names: the index where it has one.
func topOf(img *layers.Image) layers.Digest {
	if img.IndexDigest != "" {
		return img.IndexDigest
	}
	return img.Digest
}

// unread says what of an inventory could not be read.
func unread(inv *layers.Inventory) error {
	var faults []error
	for _, u := range inv.Unresolved {
		faults = append(faults, fmt.Errorf("%s: %s", u.Reference, u.Reason))
	}
	for _, u := range inv.Unscanned {
		faults = append(faults, fmt.Errorf("layer %s: %s", u.Digest, u.Reason))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("read the images of an experiment: %w", err)
	}
	return nil
}

// read looks the served images up, from a registry on loopback of its own, so that
// the link does not matter. It goes nowhere else, whatever stands in the way to the
// registries whose names are used.
func (s *Site) read(ctx context.Context, opt *SiteOptions) error {
	server, err := registry.Serve(s.hosts)
	if err != nil {
		return err
	}
	defer server.Close()
	resolve := opt.Resolve
	resolve.Registries, resolve.Deep, resolve.Trailers = make(map[string]string), true, false
	// What an earlier run read of a layer is no word of what a layout holds now.
	resolve.Layouts = opt.Layouts
	resolve.Aliases, resolve.Mirrors, resolve.DialContext, resolve.Digests, resolve.Offline = nil, nil, nil, nil, false
	for _, host := range s.Hosts {
		resolve.Registries[host] = server.Addr
	}
	var names []string
	for _, reference := range opt.References {
		if name := s.Served(reference); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if s.Inventory, err = layers.Resolve(ctx, names, resolve); err != nil {
		return err
	}
	if err := unread(s.Inventory); err != nil {
		return err
	}
	for i := range s.Inventory.Images {
		img := &s.Inventory.Images[i]
		if was, copied := s.copied[img.Reference]; copied && was != img.Digest {
			return fmt.Errorf("serve the images of an experiment: %s was copied as %s, and %s is served for it", img.Reference, was, img.Digest)
		}
	}
	return nil
}

// warm reads what the registry serves to an arm's starts, so that it is in the page
// cache as in the memory of a registry elsewhere: what the host's disk takes to read
// it is no part of a pull.
func (s *Site) warm(ctx context.Context, a *Arm) error {
	seen := make(map[string]bool)
	for _, start := range a.Starts {
		n, err := layers.ParseName(start.Image)
		if err != nil || seen[start.Image] {
			continue
		}
		seen[start.Image] = true
		for i := range s.Inventory.Images {
			img := &s.Inventory.Images[i]
			if img.Reference != start.Image {
				continue
			}
			digests := []layers.Digest{topOf(img), img.Digest, img.ConfigDigest}
			for _, l := range img.Layers {
				digests = append(digests, s.Inventory.Layers[l].Digest)
			}
			for _, d := range digests {
				if err := s.hosts[n.Registry].warm(ctx, d); err != nil {
					return fmt.Errorf("read what the registry serves of %s: %w", start.Image, err)
				}
			}
		}
	}
	return nil
}

// served is what answers for a registry, from a directory of blobs.
type served struct {
	http.Handler
	dir fs.FS
}

func (s served) warm(ctx context.Context, d layers.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := s.dir.Open(path.Join("blobs/sha256", strings.TrimPrefix(string(d), "sha256:")))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// hosts answer for several registries at one address, by their normal names: each
// request is for the one that a client of a proxy names in ns, as containerd does,
// else for the one whose name it connected to.
type hosts map[string]served

func (h hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("ns")
	if name == "" {
		name = r.Host
	}
	if host, ok := h[normalHost(name)]; ok {
		host.ServeHTTP(w, r)
		return
	}
	if len(h) == 1 {
		for _, only := range h {
			only.ServeHTTP(w, r)
		}
		return
	}
	// Several may have an image of one name, so none may answer for another.
	http.Error(w, fmt.Sprintf("none of the registries %s is called %s", strings.Join(slices.Sorted(maps.Keys(h)), ", "), name), http.StatusNotFound)
}

// normalHost is a registry's name as parsed references have it.
func normalHost(name string) string {
	n, err := layers.ParseName(name + "/image")
	if err != nil || n.Repository != "image" && n.Repository != "library/image" {
		return name // no reference can have it
	}
	return n.Registry
}

// CopiesDir is where copies of images are kept between experiments by default: a
// directory of the user's cache.
func CopiesDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for copies of images: %w; set XDG_CACHE_HOME to a directory, or serve an OCI layout under a registry's name, which is not copied", err)
	}
	return filepath.Join(dir, "cachebench", "images"), nil
}
