package layers

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
)

// Name is a reference in normal form, as a runtime expands it: nginx is
// index.docker.io/library/nginx:latest.
type Name struct {
	// Registry is the host, with its port where one is given.
	Registry string
	// Repository is the path in the registry.
	Repository string
	// Tag is empty when only a digest is given.
	Tag string
	// Digest is empty when only a tag is given.
	Digest Digest
}

// ParseName normalises a registry reference, with or without "docker://". A
// reference that stands for a local source (oci:DIR:TAG) is named by its tag.
func ParseName(reference string) (Name, error) {
	transport, rest := splitTransport(reference)
	switch transport {
	case "oci", "oci-archive", "docker-archive":
		path, tag := splitPath(rest)
		if tag == "" || strings.HasPrefix(tag, "@") {
			return Name{Registry: transport, Repository: path}, nil
		}
		rest = tag
	}
	ref, err := name.ParseReference(rest, name.WeakValidation)
	// A registry without the port after its colon, which is taken, is a transport.
	if err != nil || strings.HasSuffix(ref.Context().RegistryStr(), ":") {
		return Name{}, fmt.Errorf("%q is not an image reference such as nginx:1.25 or registry.example.com/team/app@sha256:…: %s", reference, whyNoName(rest))
	}
	n := Name{Registry: ref.Context().RegistryStr(), Repository: ref.Context().RepositoryStr()}
	switch r := ref.(type) {
	case name.Tag:
		n.Tag = r.TagStr()
	case name.Digest:
		n.Digest = Digest(r.DigestStr())
		n.Tag = tagBeside(rest)
	}
	return n, nil
}

// whyNoName says what is wrong with a reference that name.ParseReference does not
// take: it tells no more than that.
func whyNoName(reference string) string {
	if scheme, _, ok := strings.Cut(reference, "://"); ok {
		return fmt.Sprintf("write it without %s://; --plain-http HOST is for registries without TLS", scheme)
	}
	transport, _, _ := strings.Cut(reference, ":")
	switch transport {
	case "dir", "ostree", "sif", "containers-storage", "tarball":
		return "images are not read from " + transport + ": here, only from registries, oci:, oci-archive:, docker-archive:, docker-daemon: and containerd:"
	}
	_, err := name.NewTag(reference, name.WeakValidation)
	if strings.Contains(reference, "@") {
		_, err = name.NewDigest(reference, name.WeakValidation)
	}
	switch {
	case reference == "":
		return "it is empty"
	case err != nil:
		return err.Error()
	}
	return "it cannot be read as one"
}

// tagBeside returns the tag of repo:tag@digest, which name.ParseReference drops.
func tagBeside(reference string) string {
	before, _, _ := strings.Cut(reference, "@")
	if t, err := name.NewTag(before, name.WeakValidation); err == nil && strings.HasSuffix(before, ":"+t.TagStr()) {
		return t.TagStr()
	}
	return ""
}

// names parses references as ParseName does, and remembers repositories: the tags
// of one are parsed once.
type names struct {
	mu           sync.RWMutex
	repositories map[string]Name
}

func (n *names) parse(reference string) (Name, error) {
	repository, tag, ok := cutTag(reference)
	if !ok {
		return ParseName(reference)
	}
	n.mu.RLock()
	name, known := n.repositories[repository]
	n.mu.RUnlock()
	if known {
		name.Tag = tag
		return name, nil
	}
	name, err := ParseName(reference)
	if err != nil {
		return name, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.repositories == nil {
		n.repositories = make(map[string]Name)
	}
	n.repositories[repository] = name
	return name, nil
}

// cutTag splits REPOSITORY:TAG where the tag is beyond doubt one (distribution
// specification, "Pulling manifests").
func cutTag(reference string) (repository, tag string, ok bool) {
	colon := strings.LastIndexByte(reference, ':')
	transport, rest := splitTransport(reference)
	if colon < 1 || strings.IndexByte(reference, '@') >= 0 || transport != "docker" || len(rest) != len(reference) {
		return "", "", false
	}
	tag = reference[colon+1:]
	if tag == "" || len(tag) > 128 || tag[0] == '.' || tag[0] == '-' {
		return "", "", false
	}
	for i := range len(tag) {
		c := tag[i]
		if !(isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '.' || c == '-' || c == '_') {
			return "", "", false
		}
	}
	return reference[:colon], tag, true
}

// untagged says whether the name's tag is only what stands where none is given.
func (n Name) untagged(reference string) bool {
	return n.Digest == "" && !strings.HasSuffix(reference, ":"+n.Tag)
}

// RepositoryName is the registry and repository without tag or digest.
func (n Name) RepositoryName() string { return n.Registry + "/" + n.Repository }

// String is the normal form.
func (n Name) String() string {
	s := n.RepositoryName()
	if n.Tag != "" {
		s += ":" + n.Tag
	}
	if n.Digest != "" {
		s += "@" + string(n.Digest)
	}
	return s
}

// splitTransport splits the transport off a reference as containers-transports
// names them; a bare reference is a registry's.
func splitTransport(reference string) (transport, rest string) {
	if rest, ok := strings.CutPrefix(reference, "docker://"); ok {
		return "docker", rest
	}
	for _, t := range []string{"oci-archive", "oci", "docker-archive", "docker-daemon", "containerd"} {
		if rest, ok := strings.CutPrefix(reference, t+":"); ok {
			return t, rest
		}
	}
	return "docker", reference
}

// RegistryOf is the registry that a reference names, with docker.io so called;
// false for a reference to a source on this machine.
func RegistryOf(reference string) (host string, ok bool) {
	transport, rest := splitTransport(reference)
	if transport != "docker" {
		return "", false
	}
	n, err := ParseName(rest)
	if err != nil {
		return "", false
	}
	if n.Registry == name.DefaultRegistry {
		return "docker.io", true
	}
	return n.Registry, true
}

// normalRegistry is a registry's name as a parsed reference has it.
func normalRegistry(host string) string {
	r, err := name.NewRegistry(host, name.WeakValidation)
	if err != nil {
		return host
	}
	return r.RegistryStr()
}

// At returns the name in the registry that aliases give for its own, if any. Where
// two of them mean its registry, as docker.io and index.docker.io do, the first in
// order counts.
func (n Name) At(aliases map[string]string) Name {
	first, found := "", false
	for from := range aliases {
		if normalRegistry(from) == n.Registry && (!found || from < first) {
			first, found = from, true
		}
	}
	if found {
		n.Registry = normalRegistry(aliases[first])
	}
	return n
}
