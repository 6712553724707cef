// Package registry serves the documents of OCI layout directories on loopback,
// read-only, so that demos, tests and experiments can look images up as in any
// registry.
//
// It answers the pull half of the OCI distribution specification v1.1: the API
// check, manifests by tag and by digest, and blobs. A layout need not hold its
// layers' blobs: those that it lacks are not found.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// refNameAnnotation names an entry of a layout's index.
const refNameAnnotation = "org.opencontainers.image.ref.name"

type entry struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// Handler serves the layout in dir as the registry called host: an entry named
// HOST/REPOSITORY:TAG is served as REPOSITORY:TAG.
func Handler(host string, dir fs.FS) (http.Handler, error) {
	raw, err := fs.ReadFile(dir, "index.json")
	if err != nil {
		return nil, fmt.Errorf("serve %s: read the OCI layout's index.json: %w", host, err)
	}
	var index struct {
		Manifests []entry `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("serve %s: read the OCI layout's index.json: %w", host, err)
	}
	h := &handler{dir: dir, tags: map[string]entry{}}
	for _, e := range index.Manifests {
		if name, ok := strings.CutPrefix(e.Annotations[refNameAnnotation], host+"/"); ok {
			h.tags[name] = e
		}
	}
	if len(h.tags) == 0 {
		return nil, fmt.Errorf("serve %s: the OCI layout names no image of that registry (annotation %s)", host, refNameAnnotation)
	}
	return h, nil
}

type handler struct {
	dir  fs.FS
	tags map[string]entry // by repository:tag
}

var request = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs)/([^/]+)$`)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return
	}
	m := request.FindStringSubmatch(r.URL.Path)
	switch {
	case m == nil:
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "no such page")
	case m[2] == "manifests":
		h.manifest(w, r, m[1], m[3])
	default:
		h.blob(w, r, m[3], "application/octet-stream")
	}
}

func (h *handler) manifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	if strings.HasPrefix(reference, "sha256:") {
		h.blob(w, r, reference, "")
		return
	}
	e, ok := h.tags[repository+":"+reference]
	if !ok {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "no image "+repository+":"+reference)
		return
	}
	h.blob(w, r, e.Digest, e.MediaType)
}

// blob serves a document by digest; contentType is taken from the document when
// empty.
func (h *handler) blob(w http.ResponseWriter, r *http.Request, digest, contentType string) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || !fs.ValidPath(hex) || strings.Contains(hex, "/") {
		fail(w, http.StatusBadRequest, "DIGEST_INVALID", "not a sha256 digest")
		return
	}
	raw, err := fs.ReadFile(h.dir, path.Join("blobs/sha256", hex))
	if err != nil {
		fail(w, http.StatusNotFound, "BLOB_UNKNOWN", "no content "+digest)
		return
	}
	if contentType == "" {
		var doc struct {
			MediaType string `json:"mediaType"`
		}
		if json.Unmarshal(raw, &doc) == nil {
			contentType = doc.MediaType
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if r.Method == http.MethodGet {
		w.Write(raw)
	}
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}

// Server is a registry on loopback.
type Server struct {
	// Addr is host:port.
	Addr   string
	server *http.Server
	done   chan error
}

// Serve starts to serve handler on a free port of loopback.
func Serve(handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback for a registry: %w", err)
	}
	s := &Server{
		Addr:   listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		done:   make(chan error, 1),
	}
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

// Close stops the server at once and waits for it to end.
func (s *Server) Close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
