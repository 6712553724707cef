package layers

import (
	"errors"
	"fmt"
	"mime"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types that the OCI specification does not define. Docker's are those of
// the Docker Image Manifest Version 2, Schema 2 specification.
const (
	dockerManifest    = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex       = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig      = "application/vnd.docker.container.image.v1+json"
	dockerSchema1     = "application/vnd.docker.distribution.manifest.v1+json"
	dockerSchema1Sign = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	dockerTar         = "application/vnd.docker.image.rootfs.diff.tar"
	dockerTarGzip     = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	dockerForeign     = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	// The OCI's foreign types are deprecated since OCI 1.1 but still occur.
	ociForeignTar  = "application/vnd.oci.image.layer.nondistributable.v1.tar"
	ociForeignGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
	ociForeignZstd = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
	emptyConfig    = "application/vnd.oci.empty.v1+json"
)

// maxBytes is more than any image has (1 PiB): sums of thousands of images do
// not overflow.
const maxBytes = 1 << 50

// Annotations that say what a document or blob is beside its media type.
const (
	// attestationType marks an index's children that are not images but
	// statements about one (BuildKit).
	attestationType = "vnd.docker.reference.type"
	// Of lazy formats: stargz-snapshotter estargz.md, containers/storage
	// zstd:chunked, nydus-snapshotter label.go, accelerated-container-image
	// overlaybd, soci-snapshotter v2.
	estargzTOC      = "containerd.io/snapshot/stargz/toc.digest"
	zstdChunkedSum  = "io.github.containers.zstd-chunked.manifest-checksum"
	nydusBlob       = "containerd.io/snapshot/nydus-blob"
	nydusBootstrap  = "containerd.io/snapshot/nydus-bootstrap"
	overlaybdDigest = "containerd.io/snapshot/overlaybd/blob-digest"
	sociIndex       = "com.amazon.soci.index-digest"
)

// Media types of what lazy formats add.
const (
	nydusBlobType = "application/vnd.oci.image.layer.nydus.blob.v1"
	sociV2        = "application/vnd.amazon.soci.index.v2+json"
)

// A descriptor points at a document or blob (OCI image specification,
// descriptor.md).
type descriptor struct {
	mediaType    string
	artifactType string
	digest       jsonText
	hash         hash
	// size is in bytes; -1 when it is not stated.
	size     int64
	platform platform
	// states says that the descriptor states a platform, which may be "unknown".
	states      bool
	attestation bool
	// urls says that the blob is to be fetched elsewhere.
	urls bool
	lazy string
}

func (d *descriptor) read(s *scanner) {
	*d = descriptor{size: -1}
	s.object(func(key []byte) {
		switch string(key) {
		case "mediaType":
			d.mediaType = typeName(s.text())
		case "artifactType":
			d.artifactType = typeName(s.text())
		case "digest":
			d.digest = s.text()
		case "size":
			if d.size = -1; !s.null() {
				d.size = s.integer()
			}
		case "platform":
			d.platform = platform{}
			d.states = d.platform.read(s)
		case "annotations":
			d.attestation, d.lazy = false, ""
			s.object(func(key []byte) { d.annotation(key, s.text()) })
		case "urls":
			d.urls = false
			s.array(func() { d.urls = len(s.text().raw) > 0 || d.urls })
		default:
			s.skip()
		}
	})
}

func (d *descriptor) annotation(key []byte, value jsonText) {
	switch string(key) {
	case attestationType:
		d.attestation = len(value.raw) > 0
	case estargzTOC:
		d.lazy = EStargz
	case zstdChunkedSum:
		d.lazy = ZstdChunked
	case nydusBlob, nydusBootstrap:
		d.lazy = Nydus
	case overlaybdDigest:
		d.lazy = Overlaybd
	case sociIndex:
		d.lazy = SOCI
	}
}

// validate reads the digest and refuses what cannot be.
func (d *descriptor) validate() error {
	var ok bool
	if d.hash, ok = d.digest.hash(); !ok {
		return fmt.Errorf("digest %.80q is not sha256: and 64 hex digits", d.digest.String())
	}
	if d.size == -1 {
		return fmt.Errorf("the size of %s is not stated", d.hash)
	}
	if d.size < 0 || d.size > maxBytes {
		return fmt.Errorf("size of %s is impossible (%d bytes)", d.hash, d.size)
	}
	return nil
}

// isImage says whether an index's child may be an image: attestations, entries
// for the platform unknown/unknown and other artifacts are not. An image has no
// artifact type, or that of its config (OCI image specification, descriptor.md).
func (d *descriptor) isImage() bool {
	switch d.artifactType {
	case "", v1.MediaTypeImageConfig, dockerConfig, v1.MediaTypeImageManifest, v1.MediaTypeImageIndex:
		return !d.attestation && (!d.states || d.platform.OS != "unknown")
	}
	return false
}

// isForeign says that the registry need not hold the blob.
func (d *descriptor) isForeign() bool {
	switch d.mediaType {
	case dockerForeign, ociForeignTar, ociForeignGzip, ociForeignZstd:
		return true
	}
	return d.urls
}

// knownTypes are the media types of images, so that no copy is made of them.
var knownTypes = func() map[string]string {
	types := make(map[string]string)
	for _, t := range []string{
		v1.MediaTypeImageManifest, v1.MediaTypeImageIndex, v1.MediaTypeImageConfig,
		v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd,
		ociForeignTar, ociForeignGzip, ociForeignZstd, emptyConfig,
		dockerManifest, dockerIndex, dockerConfig, dockerTar, dockerTarGzip, dockerForeign,
	} {
		types[t] = t
	}
	return types
}()

func typeName(t jsonText) string {
	if name, ok := knownTypes[string(t.raw)]; ok && !t.escaped {
		return name
	}
	return t.String()
}

// A manifestDocument is what a manifest request returns: an index or a manifest.
// It holds parts of the text that it was read from.
type manifestDocument struct {
	schemaVersion int64
	mediaType     string
	artifactType  string
	config        descriptor
	layers        []descriptor
	manifests     []descriptor
	soci          bool
}

// parse reads an index or manifest; contentType is what the server called it,
// used only where the document does not say itself. The space of doc's lists is
// used again.
func (doc *manifestDocument) parse(raw []byte, contentType string) error {
	*doc = manifestDocument{layers: doc.layers[:0], manifests: doc.manifests[:0]}
	s := &scanner{data: raw}
	s.object(func(key []byte) {
		switch string(key) {
		case "schemaVersion":
			doc.schemaVersion = s.integer()
		case "mediaType":
			doc.mediaType = typeName(s.text())
		case "artifactType":
			doc.artifactType = typeName(s.text())
		case "config":
			doc.config.read(s)
		case "layers":
			doc.layers = readAll(s, doc.layers[:0])
		case "manifests":
			doc.manifests = readAll(s, doc.manifests[:0])
		case "annotations":
			var d descriptor
			s.object(func(key []byte) { d.annotation(key, s.text()) })
			doc.soci = d.lazy == SOCI
		default:
			s.skip()
		}
	})
	if err := s.end(); err != nil {
		return fmt.Errorf("%s: %w: %s", notJSON(raw, contentType), err, pushAgain)
	}
	if doc.mediaType == "" {
		doc.mediaType = contentType
		if plain, _, err := mime.ParseMediaType(contentType); err == nil {
			doc.mediaType = plain
		}
	}
	switch doc.mediaType {
	case "", "application/json", "application/octet-stream", "text/plain":
		doc.mediaType = doc.shape()
	}
	return doc.validate(contentType)
}

// shape is the type of a document that neither states its own, which OCI's need
// not, nor came with one that says more than JSON: an index has manifests, a
// manifest has a config.
func (doc *manifestDocument) shape() string {
	switch {
	case len(doc.config.digest.raw) > 0 && len(doc.manifests) == 0:
		return v1.MediaTypeImageManifest
	case len(doc.manifests) > 0 && len(doc.config.digest.raw) == 0:
		return v1.MediaTypeImageIndex
	}
	return ""
}

// pushAgain is what helps against documents that no client can use.
const pushAgain = "push the image again with a current builder"

// notJSON says what a document is that should be a manifest.
func notJSON(raw []byte, contentType string) string {
	if head := strings.ToLower(string(raw[:min(len(raw), 200)])); strings.HasPrefix(strings.TrimSpace(head), "<") {
		return fmt.Sprintf("the answer is a web page, not a manifest (content type %q): check the registry's name", contentType)
	}
	return fmt.Sprintf("the manifest is not JSON as manifests are (content type %q)", contentType)
}

func readAll(s *scanner, into []descriptor) []descriptor {
	s.array(func() {
		into = append(into, descriptor{})
		into[len(into)-1].read(s)
	})
	return into
}

func (doc *manifestDocument) validate(contentType string) error {
	if doc.schemaVersion == 1 || doc.mediaType == dockerSchema1 || doc.mediaType == dockerSchema1Sign {
		return errors.New("the manifest is Docker schema 1, which states neither layer sizes nor diffIDs and which containerd 2.1 no longer pulls: " + pushAgain)
	}
	if doc.schemaVersion != 2 {
		return fmt.Errorf("the document has schemaVersion %d and is no image manifest (content type %q)", doc.schemaVersion, contentType)
	}
	if doc.isIndex() {
		if doc.artifactType != "" {
			return fmt.Errorf("this is %s, not a container image", artifactName(doc.artifactType))
		}
		return validateAll(doc.manifests)
	}
	switch doc.mediaType {
	case v1.MediaTypeImageManifest, dockerManifest:
	default:
		return fmt.Errorf("the document is of type %q, neither an image manifest nor an index", doc.mediaType)
	}
	if name := doc.artifact(); name != "" {
		return fmt.Errorf("this is %s, not a container image", name)
	}
	if err := doc.config.validate(); err != nil {
		return fmt.Errorf("config: %w: %s", err, pushAgain)
	}
	if err := validateAll(doc.layers); err != nil {
		return err
	}
	total := int64(0)
	for i := range doc.layers {
		if total += doc.layers[i].size; total > maxBytes {
			return fmt.Errorf("the sizes of the layers are impossible: together they are more than 1 PiB")
		}
	}
	return nil
}

func validateAll(ds []descriptor) error {
	for i := range ds {
		if err := ds[i].validate(); err != nil {
			return fmt.Errorf("entry %d: %w: %s", i, err, pushAgain)
		}
	}
	return nil
}

func (doc *manifestDocument) isIndex() bool {
	return doc.mediaType == v1.MediaTypeImageIndex || doc.mediaType == dockerIndex
}

// artifact names what a manifest holds that is no image; empty for an image.
// Some artifacts claim an image's config, so their layers tell.
func (doc *manifestDocument) artifact() string {
	switch doc.config.mediaType {
	case v1.MediaTypeImageConfig, dockerConfig:
	case emptyConfig:
		if doc.artifactType != "" {
			return artifactName(doc.artifactType)
		}
		return artifactName(doc.config.mediaType)
	default:
		return artifactName(doc.config.mediaType)
	}
	for i := range doc.layers {
		if t := doc.layers[i].mediaType; strings.HasSuffix(t, "json") || strings.Contains(t, "simplesigning") {
			return artifactName(t)
		}
	}
	return ""
}

// artifacts are words in media types and what they tell.
var artifacts = []struct{ word, name string }{
	{"helm", "a Helm chart"},
	{"simplesigning", "a cosign signature"},
	{"cosign", "a cosign artifact"},
	{"in-toto", "a build attestation"},
	{"sigstore", "a sigstore bundle"},
	{"spdx", "an SPDX bill of materials"},
	{"cyclonedx", "a CycloneDX bill of materials"},
	{"notary", "a Notary signature"},
	{"soci", "a SOCI index"},
	{"wasm", "a WebAssembly module"},
	{"flux", "a Flux artifact"},
	{"opa", "a policy bundle"},
	{"ollama", "a model for ollama"},
	{"cncf.model", "a model artifact"},
	{"plugin", "a Docker plugin"},
}

func artifactName(mediaType string) string {
	for _, a := range artifacts {
		if strings.Contains(mediaType, a.word) {
			return fmt.Sprintf("%s (type %q)", a.name, mediaType)
		}
	}
	if mediaType == "" {
		return "an artifact of no stated type"
	}
	return fmt.Sprintf("an artifact (type %q)", mediaType)
}
