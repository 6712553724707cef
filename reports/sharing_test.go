package reports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/layers"
)

// familyInventory has two bases, one of them an image of the set; a tar in two
// compressions, layers that differ in timestamps or may be one, a layer on two
// bases; lazy, foreign, estimated and hidden bytes; two names of an image; and a
// second platform.
func familyInventory() *layers.Inventory {
	inv := &layers.Inventory{ResolvedAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	at := make(map[string]int)
	layer := func(name, diffID string, compressed, unpacked int64, createdBy string) *layers.Layer {
		at[name] = len(inv.Layers)
		bytes := unpacked * 1e6
		inv.Layers = append(inv.Layers, layers.Layer{Digest: digestFor(name), DiffID: digestFor(diffID), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: compressed * 1e6, UnpackedBytes: &bytes, UnpackedSource: layers.Measured, CreatedBy: createdBy})
		return &inv.Layers[len(inv.Layers)-1]
	}
	image := func(reference, platform, list string) *layers.Image {
		img := layers.Image{Reference: "registry.example/team/" + reference, Digest: digestFor(reference + platform), IndexDigest: digestFor(reference), Platform: platform}
		for name := range strings.FieldsSeq(list) {
			img.Layers = append(img.Layers, at[name])
		}
		inv.Images = append(inv.Images, img)
		return &inv.Images[len(inv.Images)-1]
	}
	const amd, arm = "linux/amd64", "linux/arm64"
	layer("debian", "debian", 30, 80, "# debian.sh --arch 'amd64' out/ 'bookworm' '@1760918400'")
	layer("debian-zstd", "debian", 24, 80, "# debian.sh --arch 'amd64' out/ 'bookworm' '@1760918400'").MediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
	layer("alpine", "alpine", 4, 8, "ADD alpine-minirootfs-3.22.1-x86_64.tar.gz / # buildkit")
	layer("jar", "jar", 20, 22, "COPY app.jar /app.jar # buildkit").LazyFormat = layers.EStargz
	layer("python", "python", 18, 56, "RUN /bin/sh -c apt-get update && apt-get install -y python3 && rm -rf /var/lib/apt/lists/* # buildkit")
	layer("python-again", "python-again", 18, 55, "/bin/sh -c apt-get update && apt-get install -y python3 && rm -rf /var/lib/apt/lists/*")
	layer("data", "data", 9, 12, "RUN make data").Scan = &layers.Scan{Fingerprint: "same"}
	layer("data-later", "data-later", 9, 12, "RUN make data").Scan = &layers.Scan{Fingerprint: "same"}
	layer("windows", "windows", 2, 3, "").Foreign = true
	local := layer("local", "local", 11, 30, "COPY . /app # buildkit")
	local.CompressedSource, local.UnpackedSource = layers.Estimated, layers.Estimated
	layer("arm", "arm", 28, 75, "# debian.sh --arch 'arm64' out/ 'bookworm' '@1760918400'")

	image("debian:12", amd, "debian").Hidden = []layers.Hidden{{}}
	api := image("api:1", amd, "debian python data jar")
	api.Hidden = []layers.Hidden{{}, {OverwrittenBytes: 2e6}, {}, {DeletedBytes: 7e6}}
	latest := *api
	latest.Reference = "registry.example/team/api:latest"
	inv.Images = append(inv.Images, latest)
	image("worker:1", amd, "debian python-again data-later")
	image("mesh:1", amd, "debian-zstd windows")
	image("edge:1", amd, "alpine jar")
	image("tool:1", amd, "alpine local")
	image("api:1", arm, "arm jar")
	return inv
}

// oneImage is the image with hidden bytes alone.
func oneImage() *layers.Inventory {
	inv := familyInventory()
	inv.Images = inv.Images[1:2]
	return inv
}

func TestSharingText(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Input
	}{
		{"family", Input{Title: "Images", Inventory: familyInventory(), Platform: "linux/amd64"}},
		{"platforms", Input{Title: "Images", Inventory: familyInventory()}},
		{"mixed", Input{Title: "Images", Inventory: familyInventory(), MixPlatforms: true}},
		{"one", Input{Title: "Images", Inventory: oneImage()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(c.in)
			got := written(t, Text, r, Options{})
			golden.Equal(t, "testdata/sharing/"+c.name+".txt", []byte(got))
			checkWidth(t, got)

			again, err := Read("report.json", []byte(written(t, JSON, r, Options{})))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, again); diff != "" {
				t.Errorf("read back differs:\n%s", diff)
			}
			if written(t, HTML, r, Options{}) != written(t, HTML, again, Options{}) {
				t.Error("the page of the report read back differs")
			}
		})
	}
}

// The headline comes first, then what to do.
func TestSharingVerdict(t *testing.T) {
	v := New(Input{Inventory: familyInventory(), Platform: "linux/amd64"}).Verdict
	// debian 30, api 77, worker 57, mesh 26, edge 24, tool 15; each layer once
	// 30+24+4+20+18+18+9+9+2+11.
	if want := "6 images with 7 names: ~ 229.0 MB compressed if each is stored alone, ~ 145.0 MB with each layer once (37 % shared)."; v.Headline != want {
		t.Errorf("headline %q, want %q", v.Headline, want)
	}
	// The images on debian, 30+24, against those on alpine, 4.
	want := []string{
		"Most to gain: rebuild 3 images on base 2, if they can run on it, which saves 54.0 MB compressed, estimated (37 % of the union).",
		"Also: push layers that hold the same tar with one compressor (1 group of layers), which saves 24.0 MB compressed (17 % of the union).",
		"Also: build a step that many images have once, where it may give the same files (1 group of layers), which saves 18.0 MB compressed (12 % of the union).",
	}
	if diff := cmp.Diff(want, v.Sentences); diff != "" {
		t.Errorf("sentences (-want +got):\n%s", diff)
	}
	if v := New(Input{Inventory: familyInventory()}).Verdict; !strings.HasPrefix(v.Headline, "linux/amd64: ") || !slices.ContainsFunc(v.Sentences, func(s string) bool { return strings.HasPrefix(s, "linux/arm64: api:1: 2 layers") }) {
		t.Errorf("two platforms: %+v", v)
	}
}

// The matrix has, for each image and each other, what the pairs say; images on
// one base stand together.
func TestMatrix(t *testing.T) {
	r := New(Input{Inventory: familyInventory(), Platform: "linux/amd64"})
	texts, _ := parsed(t, r).table("How much of each image")
	var rows []string
	for _, row := range texts {
		rows = append(rows, strings.Join(row, " | "))
	}
	want := []string{
		"1. debian:12 | – | 100 | 100 | 0 |  | ",
		"2. api:1 | 39 | – | 39 | 0 | 26 | ",
		"3. worker:1 | 53 | 53 | – | 0 |  | ",
		"4. mesh:1 | 0 | 0 | 0 | – |  | ",
		"5. edge:1 |  | 83 |  |  | – | 17",
		"6. tool:1 |  |  |  |  | 27 | –",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
}

// A set too large for its matrix has none, and its text stays short.
func TestLargeSet(t *testing.T) {
	inv := familyInventory()
	base := inv.Images[0].Layers[0]
	for i := range 500 {
		inv.Images = append(inv.Images, layers.Image{Reference: fmt.Sprintf("registry.example/team/crowd:%d", i), Digest: digestFor(fmt.Sprint(i)), Platform: "linux/amd64", Layers: []int{base}})
	}
	r := New(Input{Inventory: inv, Platform: "linux/amd64"})
	if page := written(t, HTML, r, Options{}); strings.Contains(page, "How much of each image") {
		t.Error("the page of 506 images has a matrix")
	}
	text := written(t, Text, r, Options{})
	checkWidth(t, text)
	if n := strings.Count(text, "\n"); n > 150 {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(text, "and 466 more images, with less of their own; the JSON output has them all") {
		t.Errorf("the text does not say that it is cut:\n%s", text)
	}
}

func TestBands(t *testing.T) {
	set := &layers.SharedSet{Images: make([]layers.SharedImage, 3000)}
	for _, n := range []int{1, 2, 3, 4, 5, 6, 10, 11, 99, 100, 101, 2000} {
		set.Holders = append(set.Holders, layers.Holders{Images: n, Size: layers.Size{Layers: 1, CompressedBytes: int64(n)}})
	}
	var got []string
	for _, b := range (&imageSet{SharedSet: set}).bands() {
		got = append(got, fmt.Sprintf("%s: %d layers, %d B", b.words, b.size.Layers, b.size.CompressedBytes))
	}
	want := []string{"1: 1 layers, 1 B", "2: 1 layers, 2 B", "3 to 5: 3 layers, 12 B", "6 to 10: 2 layers, 16 B", "11 to 20: 1 layers, 11 B",
		"51 to 100: 2 layers, 199 B", "101 to 1,000: 1 layers, 101 B", "1,001 to 3,000: 1 layers, 2000 B"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bands (-want +got):\n%s", diff)
	}
}

func TestMadeBy(t *testing.T) {
	for _, c := range []struct {
		layer layers.Layer
		want  string
	}{
		{layers.Layer{CreatedBy: "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* # buildkit"}, "apt-get install curl"},
		{layers.Layer{CreatedBy: "/bin/sh -c #(nop) ADD file:ab in / "}, "ADD file:ab in /"},
		{layers.Layer{CreatedBy: "COPY . /app # buildkit", LazyFormat: layers.EStargz, Foreign: true}, "[estargz, foreign] COPY . /app"},
		{layers.Layer{}, ""},
	} {
		if got := madeBy(&c.layer); got != c.want {
			t.Errorf("made by %q: got %q, want %q", c.layer.CreatedBy, got, c.want)
		}
	}
}
