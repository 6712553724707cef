package tarscan

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func footprintOf(t testing.TB, list entries) *Footprint {
	t.Helper()
	return mustScan(t, tarOf(t, list), Options{Footprint: true}).Footprint
}

func file(name string, bytes int) entries {
	return entries{{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, strings.Repeat("x", bytes)}}
}

func folderAt(name string) entries {
	return entries{{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}, ""}}
}

func linkTo(name, target string) entries {
	return entries{{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}, ""}}
}

// TestCompose: images of a few layers, worked out by hand.
func TestCompose(t *testing.T) {
	all := slices.Concat[entries]
	for _, test := range []struct {
		name   string
		layers []entries
		want   []Composition
	}{
		{"nothing in common", []entries{file("a", 1), file("b", 2)}, []Composition{{}, {}}},
		{"overwritten", []entries{file("a", 5), file("./a", 7)}, []Composition{{HiddenBytes: 5}, {OverwrittenBytes: 5}}},
		{"overwritten twice", []entries{file("a", 5), file("a", 7), file("a", 9)}, []Composition{{HiddenBytes: 5}, {OverwrittenBytes: 5, HiddenBytes: 7}, {OverwrittenBytes: 7}}},
		{"whiteout of a file", []entries{file("d/a", 5), file("d/.wh.a", 0)}, []Composition{{HiddenBytes: 5}, {DeletedBytes: 5}}},
		{"whiteout of a directory that no entry names", []entries{all(file("d/e/a", 5), file("d/e/f/b", 6), file("d/c", 7)), file("d/.wh.e", 0)},
			[]Composition{{HiddenBytes: 11}, {DeletedBytes: 11}}},
		{"whiteout by overlayfs", []entries{file("d/a", 5), {{tar.Header{Typeflag: tar.TypeChar, Name: "d"}, ""}}}, []Composition{{HiddenBytes: 5}, {DeletedBytes: 5}}},
		{"whiteout and new file", []entries{file("a", 5), all(file("a", 7), file(".wh.a", 0))}, []Composition{{HiddenBytes: 5}, {DeletedBytes: 5}}},
		{"whiteout of what is not there", []entries{file("a", 5), file(".wh.b", 0)}, []Composition{{}, {}}},
		{"deleted and put back", []entries{file("a", 5), file(".wh.a", 0), file("a", 6)}, []Composition{{HiddenBytes: 5}, {DeletedBytes: 5}, {}}},
		{"opaque, its own files stay", []entries{all(file("d/a", 5), file("d/e/b", 6), file("c", 7)), all(file("d/new", 8), file("d/.wh..wh..opq", 0))},
			[]Composition{{HiddenBytes: 11}, {DeletedBytes: 11}}},
		{"opaque by attribute", []entries{file("d/a", 5), {{tar.Header{Typeflag: tar.TypeDir, Name: "d", PAXRecords: map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y"}}, ""}}},
			[]Composition{{HiddenBytes: 5}, {DeletedBytes: 5}}},
		{"opaque root", []entries{all(folderAt("."), file("d/a", 5), file("b", 6)), file(".wh..wh..opq", 0)}, []Composition{{HiddenBytes: 11}, {DeletedBytes: 11}}},
		{"file for a directory", []entries{all(folderAt("d"), file("d/a", 5)), file("d", 7)}, []Composition{{HiddenBytes: 5}, {DeletedBytes: 5}}},
		{"directory for a file", []entries{file("d", 5), all(folderAt("d"), file("d/a", 7))}, []Composition{{HiddenBytes: 5}, {OverwrittenBytes: 5}}},
		{"directory again", []entries{all(folderAt("d"), file("d/a", 5)), folderAt("d")}, []Composition{{}, {}}},
		{"symlink for a file", []entries{file("a", 5), {{tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "b"}, ""}}}, []Composition{{HiddenBytes: 5}, {OverwrittenBytes: 5}}},
		{"one of two links deleted", []entries{all(file("a", 5), linkTo("b", "a")), file(".wh.a", 0)}, []Composition{{}, {}}},
		{"both links gone", []entries{all(file("a", 5), linkTo("b", "./a")), file(".wh.a", 0), file("b", 1)}, []Composition{{HiddenBytes: 5}, {}, {OverwrittenBytes: 5}}},
		{"link to a lower layer's file", []entries{file("a", 5), linkTo("b", "a"), file(".wh.a", 0)}, []Composition{{}, {}, {}}},
		{"link of a link", []entries{all(file("a", 5), linkTo("b", "a"), linkTo("c", "b")), all(file(".wh.a", 0), file(".wh.b", 0))}, []Composition{{}, {}}},
		{"link to itself", []entries{linkTo("a", "a"), file("a", 3)}, []Composition{{}, {}}},
		{"a path twice in a layer", []entries{all(file("a", 5), file("a", 7)), file("a", 1)}, []Composition{{RepeatedBytes: 5, HiddenBytes: 12}, {OverwrittenBytes: 7}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var layers []*Footprint
			for _, l := range test.layers {
				layers = append(layers, footprintOf(t, l))
			}
			if diff := cmp.Diff(test.want, Compose(layers)); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := Compose([]*Footprint{footprintOf(t, file("a", 5)), nil, footprintOf(t, file("a", 6))})
	if want := []Composition{{HiddenBytes: 5}, {}, {OverwrittenBytes: 5}}; !slices.Equal(got, want) {
		t.Errorf("an unknown layer between: %+v, want %+v", got, want)
	}
}

// naive lays layers over each other with path strings and a pointer for every
// file, as an extractor would.
type naive struct {
	nodes map[string]*naiveNode
	sums  []Composition
}

type naiveNode struct {
	dir  bool
	file *naiveFile
}

type naiveFile struct {
	bytes int64
	layer int
}

// drop removes the paths for which it is true.
func (n *naive) drop(gone func(p string) bool) {
	for p := range n.nodes {
		if gone(p) {
			delete(n.nodes, p)
		}
	}
}

// files are those that some path leads to.
func (n *naive) files() map[*naiveFile]bool {
	all := make(map[*naiveFile]bool)
	for _, node := range n.nodes {
		if node.file != nil {
			all[node.file] = true
		}
	}
	return all
}

func within(p, dir string) bool { return dir == "." || strings.HasPrefix(p, dir+"/") }

func (n *naive) put(overwritten map[*naiveFile]bool, name string, node *naiveNode) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if n.nodes[dir] == nil {
			n.nodes[dir] = &naiveNode{dir: true}
		}
	}
	if old := n.nodes[name]; old != nil && old.dir && !node.dir {
		n.drop(func(p string) bool { return within(p, name) })
	}
	if old := n.nodes[name]; old == nil || !old.dir || !node.dir {
		if old != nil && old.file != nil {
			overwritten[old.file] = true
		}
		n.nodes[name] = node
	}
}

func (n *naive) lay(i int, list entries) {
	before, overwritten := n.files(), make(map[*naiveFile]bool)
	for _, e := range list {
		dir, base := path.Split(e.header.Name)
		dir = path.Clean(dir)
		switch hidden, isMarker := strings.CutPrefix(base, ".wh."); {
		case base == opaqueName:
			n.drop(func(p string) bool { return within(p, dir) })
		case isMarker:
			gone := path.Join(dir, hidden)
			n.drop(func(p string) bool { return p == gone || within(p, gone) })
		}
	}
	for _, e := range list {
		name := path.Clean(e.header.Name)
		switch {
		case strings.HasPrefix(path.Base(name), ".wh."):
		case e.header.Typeflag == tar.TypeReg:
			n.put(overwritten, name, &naiveNode{file: &naiveFile{int64(len(e.text)), i}})
		case e.header.Typeflag == tar.TypeDir:
			n.put(overwritten, name, &naiveNode{dir: true})
		case e.header.Typeflag == tar.TypeSymlink:
			n.put(overwritten, name, &naiveNode{})
		case e.header.Typeflag == tar.TypeLink:
			var f *naiveFile
			if target := n.nodes[path.Clean(e.header.Linkname)]; target != nil {
				f = target.file
			}
			n.put(overwritten, name, &naiveNode{file: f})
		}
	}
	after := n.files()
	for f := range before {
		switch {
		case after[f]:
			continue
		case overwritten[f]:
			n.sums[i].OverwrittenBytes += f.bytes
		default:
			n.sums[i].DeletedBytes += f.bytes
		}
		n.sums[f.layer].HiddenBytes += f.bytes
	}
}

// drawLayer makes a layer of a few paths. As in layers that tools make, a path
// stands once, nothing is below what is no directory, and hard links follow all
// else and lead to files of their layer.
func drawLayer(t *rapid.T) entries {
	names := []string{"a", "b", "c"}
	draw := rapid.Custom(func(t *rapid.T) string {
		var p []string
		for range rapid.IntRange(1, 3).Draw(t, "depth") {
			p = append(p, rapid.SampledFrom(names).Draw(t, "name"))
		}
		return strings.Join(p, "/")
	})
	var list, links entries
	kinds := make(map[string]byte)
	for range rapid.IntRange(0, 8).Draw(t, "entries") {
		p := draw.Draw(t, "path")
		kind := rapid.SampledFrom([]byte("000522w1o")).Draw(t, "kind")
		if kind == 'w' || kind == 'o' {
			name := path.Join(path.Dir(p), ".wh."+path.Base(p))
			if kind == 'o' {
				name = path.Join(p, opaqueName)
			}
			list = append(list, entries{{tar.Header{Typeflag: tar.TypeReg, Name: name}, ""}}...)
			continue
		}
		if !fits(kinds, p, kind) {
			continue
		}
		h := tar.Header{Typeflag: kind, Name: p}
		switch kind {
		case tar.TypeReg:
			list = append(list, file(p, rapid.IntRange(0, 50).Draw(t, "bytes"))...)
		case tar.TypeLink:
			var files []string
			for f, k := range kinds {
				if k == tar.TypeReg {
					files = append(files, f)
				}
			}
			if len(files) == 0 {
				continue
			}
			slices.Sort(files)
			h.Linkname = rapid.SampledFrom(files).Draw(t, "target")
			links = append(links, entries{{h, ""}}...)
		default:
			list = append(list, entries{{h, ""}}...)
		}
		kinds[p] = kind
	}
	return append(list, links...)
}

// fits says whether p may be of that kind beside the paths there are.
func fits(kinds map[string]byte, p string, kind byte) bool {
	if _, ok := kinds[p]; ok {
		return false
	}
	for other, k := range kinds {
		if within(p, other) && k != tar.TypeDir || within(other, p) && kind != tar.TypeDir {
			return false
		}
	}
	return true
}

// TestComposeLikeNaive compares with path strings and pointers, on layers in which
// an implied directory never meets a file below: there, unpacking would fail.
func TestComposeLikeNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := naive{nodes: make(map[string]*naiveNode)}
		var layers []*Footprint
		var contents int64
		for i := range rapid.IntRange(1, 5).Draw(rt, "layers") {
			list := drawLayer(rt)
			n.sums = append(n.sums, Composition{})
			n.lay(i, list)
			f := footprintOf(t, list)
			b, _ := f.MarshalBinary()
			kept := new(Footprint)
			if err := kept.UnmarshalBinary(b); err != nil {
				rt.Fatal(err)
			}
			layers = append(layers, kept)
			for _, e := range list {
				contents += int64(len(e.text))
			}
		}
		got := Compose(layers)
		if diff := cmp.Diff(n.sums, got); diff != "" {
			rt.Fatal(diff)
		}
		var wasted int64
		for _, s := range got {
			wasted += s.OverwrittenBytes + s.DeletedBytes + s.RepeatedBytes
		}
		if wasted != WastedBytes(got) || wasted > contents {
			rt.Fatalf("hidden %d, overwritten and deleted %d, of %d", WastedBytes(got), wasted, contents)
		}
	})
}

func TestFootprintRefused(t *testing.T) {
	good, err := footprintOf(t, everyKind).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if n := footprintOf(t, everyKind).Len(); len(good) != footprintHeader+24*n {
		t.Errorf("%d bytes for %d paths", len(good), n)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "an entry less": good[:len(good)-24], "longer": append(bytes.Clone(good), make([]byte, 24)...),
		"other version": change(4, 2), "repeated bytes": change(12, 0x80), "path": change(footprintHeader+7, 0xff), "order": change(len(good)-24+7, 0),
		"kind": change(len(good)-1, 0xf0), "count": change(20, 0xff),
	} {
		if err := new(Footprint).UnmarshalBinary(b); err == nil || !strings.HasSuffix(err.Error(), "scan the layer again") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestHostileFootprint: directories in a circle do not hang Compose.
func TestHostileFootprint(t *testing.T) {
	circle := &Footprint{paths: []pathEntry{
		{1, 2, uint64(folder) << valueBits}, {2, 1, uint64(folder) << valueBits}, {3, 3, uint64(regular)<<valueBits | 9}, {4, 3, uint64(linked)<<valueBits | 4},
	}}
	top := &Footprint{paths: []pathEntry{{1, 2, uint64(hidden) << valueBits}, {3, 3, uint64(hidden) << valueBits}}}
	want := []Composition{{HiddenBytes: 9}, {DeletedBytes: 9}}
	if got := Compose([]*Footprint{circle, top}); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzFootprint(f *testing.F) {
	good, _ := footprintOf(f, everyKind).MarshalBinary()
	f.Add(good, good)
	f.Add([]byte(footprintMagic), []byte(footprintMagic+"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, low, high []byte) {
		var layers []*Footprint
		for _, b := range [][]byte{low, high} {
			g := new(Footprint)
			if g.UnmarshalBinary(b) != nil {
				continue
			}
			if again, _ := g.MarshalBinary(); !bytes.Equal(again, b) {
				t.Fatalf("%x became %x", b, again)
			}
			layers = append(layers, g, g)
		}
		got := Compose(layers)
		var caused int64
		for _, c := range got {
			if min(c.OverwrittenBytes, c.DeletedBytes, c.RepeatedBytes, c.HiddenBytes) < 0 {
				t.Fatalf("%+v", got)
			}
			caused += c.OverwrittenBytes + c.DeletedBytes + c.RepeatedBytes
		}
		if caused != WastedBytes(got) {
			t.Fatalf("%+v", got)
		}
	})
}

// Example reads the layers of an image and says what it carries for nothing.
func Example() {
	var layers []*Footprint
	for _, blob := range []string{layerBlob("big", 1000), layerBlob("big", 10)} {
		l, err := Scan(context.Background(), strings.NewReader(blob), int64(len(blob)), Options{Footprint: true})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(l.Compression, l.Entries, l.Largest[0].Path, l.FileBytes)
		layers = append(layers, l.Footprint)
	}
	fmt.Println("wasted", WastedBytes(Compose(layers)))
	// Output:
	// none 1 big 1000
	// none 1 big 10
	// wasted 1000
}

func layerBlob(name string, bytes int) string {
	var b strings.Builder
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(bytes)})
	w.Write(make([]byte, bytes))
	w.Close()
	return b.String()
}
