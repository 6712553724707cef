package measure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
)

// Site is a registry of the experiment's own with its images, behind a link whose
// rate and delay each arm sets, and the nodes that pull from it.
type Site struct {
	// Lab is the network.
	Lab *lab.Lab
	// Inventory holds the images as the registry serves them, each layer read once
	// for its size and number of files.
	Inventory *layers.Inventory
	// Names are what the registry calls the references that were given.
	Names map[string]string
	// Hosts are the registries' names that references use; the lab's registry
	// answers for all of them.
	Hosts []string
}

// SiteOptions say what a site is made of.
type SiteOptions struct {
	// References are the images, each of any source that package layers reads.
	References []string
	// Layouts are OCI layout directories with all their layers by the name of the
	// registry that they are served as; images of other sources are copied to Copies
	// first.
	Layouts map[string]string
	// Copies is a directory for the copies, which may be used again.
	Copies string
	// Resolve says how images are read; Resolve.Platforms names one at most.
	Resolve layers.Options
	// Lab says how many nodes there are.
	Lab lab.Options
}

// NewSite serves the images of opt.References, and reads all their layers once.
func NewSite(ctx context.Context, opt SiteOptions) (*Site, error) {
	s := &Site{Names: make(map[string]string)}
	handler, err := s.serve(ctx, &opt)
	if err != nil {
		return nil, err
	}
	if err := s.read(ctx, handler, &opt); err != nil {
		return nil, err
	}
	if s.Lab, err = lab.New(ctx, handler, opt.Lab); err != nil {
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

// serve makes the registry: the layouts, and a layout of copies of what is in none
// of them.
func (s *Site) serve(ctx context.Context, opt *SiteOptions) (http.Handler, error) {
	var handlers hosts
	for host, dir := range opt.Layouts {
		h, err := registry.Handler(host, os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("registry %s from %s: %w", host, dir, err)
		}
		handlers, s.Hosts = append(handlers, h), append(s.Hosts, host)
	}
	var elsewhere []string
	for _, reference := range opt.References {
		n, err := layers.ParseName(reference)
		if _, there := opt.Layouts[n.Registry]; err == nil && there && !strings.HasPrefix(reference, "oci") {
			s.Names[reference] = n.String()
			continue
		}
		elsewhere = append(elsewhere, reference)
	}
	if len(elsewhere) == 0 {
		return handlers, nil
	}
	if err := s.copy(ctx, elsewhere, opt); err != nil {
		return nil, err
	}
	for _, reference := range elsewhere {
		n, err := layers.ParseName(s.Names[reference])
		if err != nil {
			return nil, err
		}
		if !slices.Contains(s.Hosts, n.Registry) {
			s.Hosts = append(s.Hosts, n.Registry)
		}
	}
	copies, err := registry.Layout(os.DirFS(opt.Copies))
	if err != nil {
		return nil, err
	}
	return append(handlers, copies), nil
}

// copy copies images to a layout, named as the registry is to call them.
func (s *Site) copy(ctx context.Context, references []string, opt *SiteOptions) error {
	inv, err := layers.Resolve(ctx, references, opt.Resolve)
	if err != nil {
		return err
	}
	var faults []error
	for _, u := range inv.Unresolved {
		faults = append(faults, fmt.Errorf("%s: %s", u.Reference, u.Reason))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("read the images of an experiment: %w", err)
	}
	for _, reference := range references {
		s.Names[reference] = servedName(reference)
	}
	if err := os.MkdirAll(opt.Copies, 0o755); err != nil {
		return err
	}
	return inv.Copy(ctx, opt.Copies, s.Served, opt.Resolve)
}

// ownHost names the registry of images that no registry's name is known of.
const ownHost = "images.cachebench.invalid"

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// servedName is a name for an image of any source that a runtime can pull by.
func servedName(reference string) string {
	n, err := layers.ParseName(reference)
	named := err == nil && strings.ContainsAny(n.Registry, ".:") && n.Tag != ""
	if named {
		n.Digest = ""
		return n.String()
	}
	path := notInName.ReplaceAllString(strings.ToLower(reference), "-")
	return ownHost + "/" + strings.Trim(path, "-") + ":measured"
}

// read looks the served images up, from a registry on loopback of its own, so that
// the link does not matter.
func (s *Site) read(ctx context.Context, handler http.Handler, opt *SiteOptions) error {
	server, err := registry.Serve(handler)
	if err != nil {
		return err
	}
	defer server.Close()
	resolve := opt.Resolve
	resolve.Registries, resolve.Deep, resolve.Trailers = make(map[string]string), true, false
	for _, host := range s.Hosts {
		resolve.Registries[host] = server.Addr
	}
	names := make([]string, len(opt.References))
	for i, reference := range opt.References {
		names[i] = s.Served(reference)
	}
	if s.Inventory, err = layers.Resolve(ctx, names, resolve); err != nil {
		return err
	}
	var faults []error
	for _, u := range s.Inventory.Unresolved {
		faults = append(faults, fmt.Errorf("%s: %s", u.Reference, u.Reason))
	}
	for _, u := range s.Inventory.Unscanned {
		faults = append(faults, fmt.Errorf("layer %s: %s", u.Digest, u.Reason))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("read the images of an experiment: %w", err)
	}
	return nil
}

// hosts answer for the images of several registries at one address: the first that
// has what is asked for.
type hosts []registry.Holder

func (h hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for i, handler := range h {
		if i == len(h)-1 || handler.Has(r.URL.Path) {
			handler.ServeHTTP(w, r)
			return
		}
	}
}

// CopiesDir is where copies of images are kept between experiments by default: a
// directory of the user's cache.
func CopiesDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for copies of images: %w", err)
	}
	return filepath.Join(dir, "cachebench", "images"), nil
}
