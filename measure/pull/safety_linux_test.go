package pull

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// surroundings are a layer's directory and things beside it that nobody may touch.
func surroundings(t testing.TB, outer string) (layer string, before []string) {
	t.Helper()
	layer = filepath.Join(outer, "layer")
	for _, dir := range []string{layer, filepath.Join(outer, "beside")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outer, "beside", "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return layer, look(t, outer)
}

// untouched says whether what stands beside the layer is as before, and no file of
// the layer is one of those outside.
func untouched(t testing.TB, outer string, before []string) string {
	t.Helper()
	if err := removeTree(filepath.Join(outer, "layer")); err != nil {
		return err.Error()
	}
	if err := os.Mkdir(filepath.Join(outer, "layer"), 0o755); err != nil {
		return err.Error()
	}
	drop := func(lines []string) (left []string) {
		for _, l := range lines {
			if !strings.HasPrefix(l, "layer ") {
				left = append(left, l)
			}
		}
		return left
	}
	return cmp.Diff(drop(before), drop(look(t, outer)))
}

// TestExtractSafety: archives that try to leave the layer's directory.
func TestExtractSafety(t *testing.T) {
	secret := "../beside/secret"
	for name, entries := range map[string][]tar.Header{
		"dots":                   {file("../beside/secret", "x"), file("a/../../beside/secret", "x")},
		"dots only":              {file("..", "x"), folder("../..", 0o777), folder("/", 0o777)},
		"absolute":               {file("/beside/secret", "x")},
		"symlink then file":      {symlink("s", secret), file("s", "x")},
		"symlink then below":     {symlink("s", "../beside"), file("s/secret", "x")},
		"absolute symlink":       {symlink("s", "OUTER/beside"), file("s/secret", "x"), folder("s", 0o777)},
		"chain of symlinks":      {symlink("a", ".."), symlink("b", "a/.."), symlink("c", "b/beside"), file("c/secret", "x")},
		"loop of symlinks":       {symlink("a", "b"), symlink("b", "a"), file("a/f", "x")},
		"symlink, then mode":     {symlink("s", "../beside"), folder("s", 0o777)},
		"hard link outside":      {hardlink("h", secret), file("h", "x")},
		"hard link absolute":     {hardlink("h", "OUTER/beside/secret"), file("h", "x")},
		"hard link by symlink":   {symlink("s", "../beside"), hardlink("h", "s/secret"), file("h", "x")},
		"hard link to a symlink": {symlink("s", secret), hardlink("h", "s"), file("h/x", "x"), file("h", "x")},
		"mode through a link":    {symlink("s", secret), {Typeflag: tar.TypeLink, Name: "h", Linkname: "s", Mode: 0o777}},
		"whiteout outside":       {symlink("s", "../beside"), file("s/.wh.secret", ""), file("../beside/.wh.secret", "")},
		"opaque outside":         {symlink("s", "../beside"), file("s/.wh..wh..opq", "")},
		"replaced directory":     {folder("d", 0o755), file("d/f", "x"), symlink("d", "../beside"), file("d/secret", "x"), folder("d", 0o777)},
		"replaced on the way":    {folder("d/e", 0o755), file("d/e/f", "x"), symlink("d", "../beside"), file("d/e/secret", "x"), file("d/secret", "x")},
		"late times":             {folder("d/e", 0), file("f", "x"), symlink("d", ".."), folder("beside", 0)},
		"device":                 {{Typeflag: tar.TypeBlock, Name: "../beside/disk", Mode: 0o666, Devmajor: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			layer, before := surroundings(t, outer)
			for i := range entries {
				if entries[i].Typeflag != tar.TypeReg {
					entries[i].Linkname = strings.ReplaceAll(entries[i].Linkname, "OUTER", outer)
				}
			}
			_, err := unpack(t, layer, nil, tarOf(t, entries...))
			t.Log(err)
			if diff := untouched(t, outer, before); diff != "" {
				t.Errorf("touched outside the layer:\n%s", diff)
			}
		})
	}
}

// TestExtractSafetyProperty: whatever entries follow each other, nothing outside the
// layer changes.
func TestExtractSafetyProperty(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "a/b", "b/a", "..", "../beside", "../beside/secret", "a/secret", "a/b/secret", "b/../..", "a/.wh.b", "a/.wh..wh..opq", ".wh.a", "/a", "a/beside/secret", "."})
	rapid.Check(t, func(rt *rapid.T) {
		var entries []tar.Header
		for range rapid.IntRange(1, 12).Draw(rt, "entries") {
			entries = append(entries, tar.Header{
				Typeflag: rapid.SampledFrom([]byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo}).Draw(rt, "type"),
				Name:     names.Draw(rt, "name"), Linkname: names.Draw(rt, "target"),
				Mode: rapid.SampledFrom([]int64{0, 0o755, 0o4777}).Draw(rt, "mode"),
			})
		}
		outer, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		layer, before := surroundings(t, outer)
		_, _ = unpack(t, layer, nil, tarOf(t, entries...))
		if diff := untouched(t, outer, before); diff != "" {
			rt.Errorf("touched outside the layer:\n%s", diff)
		}
	})
}

// FuzzExtract: no tar crashes it or gets out of the layer.
func FuzzExtract(f *testing.F) {
	small := slices.DeleteFunc(everything(), func(h tar.Header) bool { return len(h.Linkname) > 1000 || h.Linkname == "usr/lib/large" })
	f.Add(tarOf(f, small...))
	f.Add(tarOf(f, symlink("s", "../beside"), file("s/secret", "x"), hardlink("h", "s/secret"), file("s/.wh.secret", "")))
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, content []byte) {
		outer := t.TempDir()
		layer, before := surroundings(t, outer)
		limits := Limits{MaxEntries: 200, MaxUnpackedBytes: 1 << 20}.withDefaults()
		_, _ = extract(context.Background(), bytes.NewReader(content), layer, []string{filepath.Join(outer, "beside")}, limits, int64(len(content)))
		if diff := untouched(t, outer, before); diff != "" {
			t.Errorf("touched outside the layer:\n%s", diff)
		}
	})
}
