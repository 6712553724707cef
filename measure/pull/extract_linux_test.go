package pull

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// layerDir is a directory for a layer beside a file that must never change.
func layerDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layer")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(dir) })
	return dir
}

func unpack(t testing.TB, dir string, below []string, content []byte) (Skipped, error) {
	t.Helper()
	return extract(context.Background(), bytes.NewReader(content), dir, below, Limits{}.withDefaults(), int64(len(content)))
}

// look describes all that is in a directory, a line an entry: what of it a tar
// states. Files with the same content by one inode are links.
func look(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == dir {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%s %o %d", name, st.Mode, info.ModTime().Unix())
		switch {
		case info.Mode().IsRegular():
			if first, ok := inodes[st.Ino]; ok {
				line += " = " + first
			} else {
				inodes[st.Ino] = name
				content, _ := os.ReadFile(p)
				line += fmt.Sprintf(" %.40q %d", content, len(content))
			}
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(p)
			line = fmt.Sprintf("%s %d -> %s", name, info.ModTime().Unix(), target)
		case info.Mode()&fs.ModeDevice != 0:
			line += fmt.Sprintf(" device %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		}
		if os.Geteuid() == 0 {
			line += fmt.Sprintf(" %d:%d", st.Uid, st.Gid)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// everything is one of each kind of entry that a tar of POSIX and of GNU can hold.
func everything() []tar.Header {
	long := strings.Repeat("long-", 45)
	at := func(h tar.Header, sec int64) tar.Header { h.ModTime = time.Unix(sec, 0); return h }
	list := []tar.Header{
		folder("./", 0o755),
		symlink("lib", "usr/lib"),
		symlink("dangling", "/nowhere"),
		at(folder("usr/", 0o755), 1600000000),
		at(folder("usr/lib/", 0o2775), 1600000001),
		file("usr/lib/empty", ""),
		file("usr/lib/large", strings.Repeat("0123456789abcdef", 60_000)),
		{Typeflag: tar.TypeReg, Name: "usr/lib/setuid", Linkname: "#!", Mode: 0o4755, ModTime: time.Unix(1, 0)},
		hardlink("usr/lib/again", "usr/lib/large"),
		file("usr/lib/"+long, "name of more than 100 bytes"),
		{Typeflag: tar.TypeReg, Name: "usr/lib/pax-ünicode", Linkname: "x", Mode: 0o600, Format: tar.FormatPAX, ModTime: time.Unix(1700000000, 0)},
		file("usr/lib/replaced", "first"),
		file("usr/lib/replaced", "second"),
		{Typeflag: tar.TypeReg, Name: "usr/lib/theirs", Linkname: "y", Mode: 0o640, Uid: os.Geteuid() ^ 1234, Gid: os.Getegid() ^ 1234},
		// From here on nothing is in usr/lib: tar sets a directory's time when it leaves
		// it.
		at(folder("locked/", 0o500), 1600000002),
		file("locked/inside", "read only"),
		folder("tmp/", 0o1777),
	}
	if os.Geteuid() == 0 {
		list = append(list,
			tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3},
			tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o644})
	}
	return list
}

// TestExtractAsTar: what tar makes of a layer, this makes of it.
func TestExtractAsTar(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar on PATH to compare with")
	}
	content := tarOf(t, everything()...)
	ours, theirs := layerDir(t), layerDir(t)
	skipped, err := unpack(t, ours, nil, content)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 && skipped != (Skipped{}) {
		t.Logf("skipped: %+v", skipped)
	}
	cmd := exec.Command(program, "-xpf", "-", "--numeric-owner", "-C", theirs)
	cmd.Stdin = bytes.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("tar does not extract it: %v: %s", err, out)
	}
	if diff := cmp.Diff(look(t, theirs), look(t, ours)); diff != "" {
		t.Errorf("-tar +ours:\n%s", diff)
	}
}

// TestExtractOver: entries on what is there already, symlinks inside the layer, and
// directories without entries of their own, in words.
func TestExtractOver(t *testing.T) {
	dir := layerDir(t)
	_, err := unpack(t, dir, nil, tarOf(t,
		file("a/b/deep", "made on the way"),
		symlink("link", "/a/b"),
		file("link/through", "lands in a/b"),
		symlink("a/up", "../../../.."),
		file("a/up/root", "stays in the root"),
		file("file", "first a file"),
		folder("file", 0o700),
		file("file/inside", "now a directory"),
		folder("dir", 0o755), file("dir/x/y", "gone"),
		symlink("dir", "a"),
		file("dir/new", "through what was a directory"),
		folder("a", 0o711),
	))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a/b/deep": "made on the way", "a/b/through": "lands in a/b", "root": "stays in the root",
		"file/inside": "now a directory", "a/new": "through what was a directory",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
		}
	}
	for name, want := range map[string]fs.FileMode{"a": fs.ModeDir | 0o711, "a/b": fs.ModeDir | 0o755, "file": fs.ModeDir | 0o700} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want mode %v", name, info, want)
		}
	}
}

// TestExtractBelow: what a layer takes from those below it.
func TestExtractBelow(t *testing.T) {
	base, middle, top := layerDir(t), layerDir(t), layerDir(t)
	if _, err := unpack(t, base, nil, tarOf(t,
		folder("etc", 0o750), file("etc/kept", "from the base"), file("etc/deleted", "x"),
		folder("opt", 0o755), file("opt/hidden", "x"), symlink("etc/link", "kept"),
	)); err != nil {
		t.Fatal(err)
	}
	skipped, err := unpack(t, middle, []string{base}, tarOf(t,
		file("etc/.wh.deleted", ""), folder("opt", 0o755), file("opt/.wh..wh..opq", ""), file("opt/own", "x")))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("whiteouts as marks: %+v", skipped)
	skipped, err = unpack(t, top, []string{middle, base}, tarOf(t,
		hardlink("etc/copy", "etc/kept"), hardlink("etc/link2", "etc/link"),
		hardlink("lost1", "etc/deleted"), hardlink("lost2", "opt/hidden"), hardlink("lost3", "etc/kept/x"),
		hardlink("owned", "opt/own")))
	if err != nil {
		t.Fatal(err)
	}
	if skipped.LinksBelow != 3 || skipped.LostLinks != 3 {
		t.Errorf("%d links copied, %d lost, want 3 and 3", skipped.LinksBelow, skipped.LostLinks)
	}
	if got, err := os.ReadFile(filepath.Join(top, "etc/copy")); string(got) != "from the base" {
		t.Errorf("etc/copy holds %q, %v", got, err)
	}
	if got, err := os.Readlink(filepath.Join(top, "etc/link2")); got != "kept" {
		t.Errorf("etc/link2 is a link to %q, %v", got, err)
	}
	if info, err := os.Stat(filepath.Join(top, "etc")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("etc has the mode %v, want the base's 0750", info.Mode())
	}
}

// TestExtractWhiteouts: as overlayfs has them where that is permitted, else as
// marks; a whiteout is counted one way or the other.
func TestExtractWhiteouts(t *testing.T) {
	dir := layerDir(t)
	skipped, err := unpack(t, dir, nil, tarOf(t, folder("d", 0o755), file("d/.wh..wh..opq", ""), file("d/.wh.gone", ""), file("d/kept", "x"), file("d/.wh.kept", "")))
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	gone := filepath.Join(dir, "d/gone")
	switch err := unix.Lstat(gone, &st); {
	case skipped.Whiteouts > 0:
		if _, err := os.Lstat(filepath.Join(dir, "d/.wh.gone")); err != nil {
			t.Error(err)
		}
	case err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0:
		t.Errorf("d/gone is no whiteout of overlayfs: %v, mode %o", err, st.Mode)
	}
	if !isOpaque(filepath.Join(dir, "d")) {
		t.Error("d is not opaque")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "d/kept")); string(got) != "x" {
		t.Errorf("the layer's own file went with a whiteout: %q", got)
	}
	for _, name := range []string{".wh.", "d/.wh..", "d/.wh..."} {
		if _, err := unpack(t, layerDir(t), nil, tarOf(t, file(name, ""))); err == nil {
			t.Errorf("a whiteout %q is taken", name)
		}
	}
}

// TestExtractXattrs: users' attributes are kept where the file system has them,
// trusted ones never.
func TestExtractXattrs(t *testing.T) {
	dir := layerDir(t)
	h := file("f", "x")
	h.Format = tar.FormatPAX
	h.PAXRecords = map[string]string{"SCHILY.xattr.user.note": "hello", "SCHILY.xattr.trusted.overlay.opaque": "y"}
	skipped, err := unpack(t, dir, nil, tarOf(t, h))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	n, err := unix.Lgetxattr(filepath.Join(dir, "f"), "user.note", got)
	if err != nil && skipped.Xattrs != 2 || err == nil && (string(got[:n]) != "hello" || skipped.Xattrs != 1) {
		t.Errorf("user.note is %q (%v), %d skipped", got[:max(n, 0)], err, skipped.Xattrs)
	}
}

// TestExtractLimits: what is too much is refused before it fills the disk, by the
// limit that it is beyond. The tars are whole: without the limit they would be taken.
func TestExtractLimits(t *testing.T) {
	kilobyte := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		content []byte
		limits  Limits
		want    string // empty: it is taken
	}{
		"files fit":          {tarOf(t, file("1", kilobyte), file("2", kilobyte)), Limits{MaxUnpackedBytes: 2000}, ""},
		"files do not":       {tarOf(t, file("1", kilobyte), file("2", kilobyte+"x")), Limits{MaxUnpackedBytes: 2000}, "more bytes than Limits allow"},
		"entries fit":        {tarOf(t, file("1", ""), file("2", ""), file("3", "")), Limits{MaxEntries: 3}, ""},
		"entries do not":     {tarOf(t, file("1", ""), file("2", ""), file("3", "")), Limits{MaxEntries: 2}, "more entries and directories"},
		"directories fit":    {tarOf(t, file("a/b/c/1", ""), file("a/b/c/2", "")), Limits{MaxEntries: 5}, ""},
		"directories do not": {tarOf(t, file("a/b/c/1", ""), file("a/b/c/2", "")), Limits{MaxEntries: 4}, "more entries and directories"},
		"one name of many":   {tarOf(t, file(strings.Repeat("d/", 2000)+"f", "")), Limits{MaxEntries: 1000}, "more entries and directories"},
		"name":               {tarOf(t, file(strings.Repeat("d/", 3000)+"f", "")), Limits{}, "longer than 4096 bytes"},
		"link target":        {tarOf(t, symlink("s", strings.Repeat("d/", 3000))), Limits{}, "longer than 4096 bytes"},
	} {
		dir := layerDir(t)
		_, err := extract(context.Background(), bytes.NewReader(c.content), dir, nil, c.limits.withDefaults(), 100)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err := removeTree(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestTarBytes: how long a layer's tar may be, by hand.
func TestTarBytes(t *testing.T) {
	for _, c := range []struct {
		limits           Limits
		compressed, want int64
	}{
		{Limits{}, 0, 256 << 20}, {Limits{}, 1 << 20, 256 << 20}, {Limits{}, 2 << 20, 400 << 20}, {Limits{}, 1 << 40, 1 << 40},
		{Limits{MaxRatio: 10}, 100 << 20, 1000 << 20}, {Limits{MaxRatio: 10, MaxUnpackedBytes: 500 << 20}, 100 << 20, 500 << 20},
		{Limits{MaxUnpackedBytes: 1000}, 1, 1000}, {Limits{MaxRatio: math.Inf(1)}, 1 << 20, 1 << 40}, {Limits{MaxRatio: math.NaN()}, 2 << 20, 400 << 20},
	} {
		if got := c.limits.withDefaults().tarBytes(c.compressed); got != c.want {
			t.Errorf("%+v, a blob of %d bytes: %d, want %d", c.limits, c.compressed, got, c.want)
		}
	}
}
