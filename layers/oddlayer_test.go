package layers

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestOddLayers: what may not be pulled as layers are is told, of a blob that one image of
// several names so too, in whichever order they are read.
func TestOddLayers(t *testing.T) {
	for mediaType, want := range map[string]string{
		v1.MediaTypeImageLayerGzip: "", v1.MediaTypeImageLayerZstd: "", v1.MediaTypeImageLayer: "", dockerTar: "", dockerTarGzip: "",
		"application/vnd.oci.image.layer.v1.tar+gzip+encrypted": "", nydusBlobType: "",
		dockerForeign: "fetched from elsewhere", ociForeignZstd: "fetched from elsewhere",
		"application/vnd.foo": `"application/vnd.foo" is of no kind`, "": "not stated",
	} {
		d := descriptor{mediaType: mediaType}
		if got := oddKind(mediaType, d.isForeign()); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", mediaType, got, want)
		}
	}
	kinds := []descriptor{{mediaType: v1.MediaTypeImageLayerGzip}, {mediaType: "application/vnd.foo"}, {mediaType: v1.MediaTypeImageLayerGzip, urls: true}, {mediaType: v1.MediaTypeImageLayer}}
	for first := range kinds {
		for second := range kinds {
			if first == second {
				continue
			}
			var e, other tableEntry
			one, two := hash(bytes.Repeat([]byte{1}, 32)), hash(bytes.Repeat([]byte{2}, 32))
			e.takeKind(&kinds[first], one, true)
			e.takeKind(&kinds[second], two, false)
			other.takeKind(&kinds[second], two, true)
			other.takeKind(&kinds[first], one, false)
			if e.mediaType != other.mediaType || e.foreign != other.foreign {
				t.Errorf("%d and %d: %s or %s by their order", first, second, e.mediaType, other.mediaType)
			}
			odd := []int{1, 2}
			if any := slices.Contains(odd, first) || slices.Contains(odd, second); any != (oddKind(e.mediaType, e.foreign) != "") {
				t.Errorf("%d and %d: %q, foreign %v", first, second, e.mediaType, e.foreign)
			}
		}
	}
}
