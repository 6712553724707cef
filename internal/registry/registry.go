// Package registry serves OCI layout directories, on loopback or on a listener of the
// caller's, read-only, so that demos, tests and experiments can look images up and
// pull them as in any registry.
//
// It answers the pull half of the OCI distribution specification v1.1, and the
// list of tags in one page: the API check, manifests by tag and by digest, and
// blobs, also in ranges. A layout need not hold its layers' blobs: those that it
// lacks are not found.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path"
	"regexp"
	"slices"
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
	index, err := readIndex(dir)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", host, err)
	}
	h := &handler{dir: dir, tags: map[string]entry{}}
	for _, e := range index {
		if name, ok := inRegistry(host, e.Annotations[refNameAnnotation]); ok {
			h.tags[name] = e
		}
	}
	if len(h.tags) == 0 {
		return nil, fmt.Errorf("serve %s: the OCI layout names no image of that registry (annotation %s)%s", host, refNameAnnotation, otherNames(host, index))
	}
	return h, nil
}

// otherNames says how to serve a layout of one other registry under a name that it does not
// have, such as that inside of a VPC.
func otherNames(host string, index []entry) string {
	var others []string
	for _, e := range index {
		if other, _, ok := strings.Cut(e.Annotations[refNameAnnotation], "/"); ok && strings.ContainsAny(other, ".:") && !slices.Contains(others, other) {
			others = append(others, other)
		}
	}
	if len(others) != 1 {
		return ""
	}
	return fmt.Sprintf("; its images are of %s: --registry %s=DIR with --registry-alias %s=%s takes them for those of %s", others[0], others[0], host, others[0], host)
}

// Tags serves what the digests name by REPOSITORY:TAG, and all else in dir by its
// digest. Of a layout only the blobs are needed: its index may change meanwhile.
func Tags(dir fs.FS, digests map[string]string) http.Handler {
	h := &handler{dir: dir, tags: make(map[string]entry, len(digests))}
	for name, digest := range digests {
		h.tags[name] = entry{Digest: digest}
	}
	return h
}

// hub are the names of Docker Hub; its images without a path are in library.
var hub = []string{"docker.io", "index.docker.io"}

// inRegistry takes the registry from the name of one of its images.
func inRegistry(host, name string) (rest string, ok bool) {
	if !slices.Contains(hub, host) {
		return strings.CutPrefix(name, host+"/")
	}
	for _, alias := range hub {
		if rest, ok := strings.CutPrefix(name, alias+"/"); ok {
			if !strings.Contains(rest, "/") {
				rest = "library/" + rest
			}
			return rest, true
		}
	}
	return "", false
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

type handler struct {
	dir  fs.FS
	tags map[string]entry // by repository:tag
}

var requestPath = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs)/([^/]+)$`)

// Request is what a registry is asked for: of a repository a manifest, by tag or digest,
// or a blob, by digest.
type Request struct {
	Repository string
	Blob       bool
	Reference  string
}

// RequestOf reads what a request is for from the path of its URL; false where it is for
// neither.
func RequestOf(path string) (Request, bool) {
	m := requestPath.FindStringSubmatch(path)
	if m == nil {
		return Request{}, false
	}
	return Request{Repository: m[1], Blob: m[2] == "blobs", Reference: m[3]}, true
}

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
	if repository, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), "/tags/list"); ok {
		h.list(w, repository)
		return
	}
	switch asked, ok := RequestOf(r.URL.Path); {
	case !ok:
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "no such page")
	case asked.Blob:
		h.blob(w, r, asked.Reference, "application/octet-stream")
	default:
		h.manifest(w, r, asked.Repository, asked.Reference)
	}
}

// list answers with a repository's tags in order.
func (h *handler) list(w http.ResponseWriter, repository string) {
	var tags []string
	for name := range h.tags {
		if tag, ok := strings.CutPrefix(name, repository+":"); ok {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", "no image of "+repository)
		return
	}
	slices.Sort(tags)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": repository, "tags": tags})
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

// blob serves content by digest; contentType is taken from the document when
// empty.
func (h *handler) blob(w http.ResponseWriter, r *http.Request, digest, contentType string) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || !fs.ValidPath(hex) || strings.Contains(hex, "/") {
		fail(w, http.StatusBadRequest, "DIGEST_INVALID", "not a sha256 digest")
		return
	}
	f, err := h.dir.Open(path.Join("blobs/sha256", hex))
	if err != nil {
		fail(w, http.StatusNotFound, "BLOB_UNKNOWN", "no content "+digest)
		return
	}
	defer f.Close()
	// Layers are of any size, so none is read into memory.
	content, ok := f.(io.ReadSeeker)
	if !ok {
		fail(w, http.StatusInternalServerError, "UNSUPPORTED", "the layout's files cannot be read at random")
		return
	}
	if contentType == "" {
		contentType = mediaTypeOf(content)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// mediaTypeOf is what a document says of itself, else what its shape tells: OCI's
// need not say it. ServeContent goes back to its beginning.
func mediaTypeOf(document io.Reader) string {
	var doc struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
		Config    json.RawMessage   `json:"config"`
	}
	switch err := json.NewDecoder(document).Decode(&doc); {
	case err != nil || doc.MediaType != "":
		return doc.MediaType
	case doc.Manifests != nil:
		return "application/vnd.oci.image.index.v1+json"
	case doc.Config != nil:
		return "application/vnd.oci.image.manifest.v1+json"
	}
	return ""
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
