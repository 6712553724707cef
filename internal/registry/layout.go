package registry

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// Layout serves the layout in dir for all registries whose images it names: an entry
// named HOST/REPOSITORY:TAG is served as REPOSITORY:TAG, whatever HOST a client
// means. So one server can stand for several registries; two images that differ by
// host alone are refused.
func Layout(dir fs.FS) (Holder, error) {
	index, err := readIndex(dir)
	if err != nil {
		return nil, fmt.Errorf("serve an OCI layout: %w", err)
	}
	h := &handler{dir: dir, tags: map[string]entry{}}
	names := map[string]string{}
	for _, e := range index {
		full := e.Annotations[refNameAnnotation]
		name, ok := withoutHost(full)
		if !ok {
			continue
		}
		if other, ok := h.tags[name]; ok && other.Digest != e.Digest {
			return nil, fmt.Errorf("serve an OCI layout: %s and %s are two images of one name: serve them from two layouts", names[name], full)
		}
		h.tags[name], names[name] = e, full
	}
	if len(h.tags) == 0 {
		return nil, fmt.Errorf("serve an OCI layout: it names no image of a registry (annotation %s, HOST/REPOSITORY:TAG)", refNameAnnotation)
	}
	return h, nil
}

// withoutHost takes the registry from a name. A registry has a dot or a port, or is
// localhost, as in references.
func withoutHost(name string) (string, bool) {
	host, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "", false
	}
	return rest, true
}

func readIndex(dir fs.FS) ([]entry, error) {
	raw, err := fs.ReadFile(dir, "index.json")
	if err != nil {
		return nil, fmt.Errorf("read the OCI layout's index.json: %w", err)
	}
	var index struct {
		Manifests []entry `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("read the OCI layout's index.json: %w", err)
	}
	return index.Manifests, nil
}
