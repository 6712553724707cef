package tarscan

import "bytes"

// marker is what an entry hides of lower layers (OCI image specification,
// layer.md, "Whiteouts"; Linux overlayfs, "whiteouts and opaque directories").
type marker struct {
	kind markerKind
	// path is what is hidden: the path itself, or a directory's contents.
	path []byte
}

type markerKind uint8

const (
	noMarker markerKind = iota
	whiteout
	opaque          // a file that says it of its directory
	opaqueAttribute // a directory that says it of itself
	idleMarker      // aufs's own, and what names nothing
)

// only says whether an entry with such a marker is nothing but a marker.
func (k markerKind) only() bool { return k != noMarker && k != opaqueAttribute }

var (
	whiteoutPrefix = []byte(".wh.")
	aufsPrefix     = []byte(".wh..wh.")
)

const opaqueName = ".wh..wh..opq"

func markerOf(e *entry) marker {
	dir, base := splitPath(e.path)
	switch h := &e.header; {
	case string(base) == opaqueName:
		return marker{opaque, dir}
	case bytes.HasPrefix(base, aufsPrefix):
		return marker{kind: idleMarker}
	case bytes.HasPrefix(base, whiteoutPrefix):
		hidden := base[len(whiteoutPrefix):]
		// "", "." and ".." would name the directory itself or the one above.
		if len(hidden) == 0 || string(hidden) == "." || string(hidden) == ".." {
			return marker{kind: idleMarker}
		}
		return marker{whiteout, joinPath(dir, hidden)}
	case h.typ == typeChar && h.major == 0 && h.minor == 0:
		return marker{whiteout, e.path}
	case h.typ == typeDirectory && isOpaque(e.records):
		return marker{opaqueAttribute, e.path}
	}
	return marker{}
}

func isOpaque(records []record) bool {
	for _, r := range records {
		switch string(r.key) {
		case recordXattr + "trusted.overlay.opaque", recordXattr + "user.overlay.opaque":
			return string(r.value) == "y"
		}
	}
	return false
}

// splitPath cuts a clean path into its directory, empty for the root, and its
// last element.
func splitPath(p []byte) (dir, base []byte) {
	if i := bytes.LastIndexByte(p, '/'); i >= 0 {
		return p[:i], p[i+1:]
	}
	return nil, p
}

func joinPath(dir, base []byte) []byte {
	if len(dir) == 0 {
		return base
	}
	return append(append(append([]byte(nil), dir...), '/'), base...)
}
