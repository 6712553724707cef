package pull

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// find looks for a path in the layers below as a mount of them would show it, and
// returns where it is; empty when it is not there. It follows no symlinks.
func (x *extractor) find(real string) string {
	for _, dir := range x.below {
		found, more := inLayer(dir, real)
		if found != "" || !more {
			return found
		}
	}
	return ""
}

// inLayer looks for a path in one layer; more is false where that layer hides what
// the layers below it have there.
func inLayer(dir, real string) (found string, more bool) {
	at := dir
	parts := strings.Split(real, "/")
	opaque := false
	for i, part := range parts {
		if _, err := os.Lstat(at + "/" + whiteoutPrefix + part); err == nil {
			return "", false
		}
		opaque = opaque || isOpaque(at)
		at += "/" + part
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return "", !opaque
		}
		switch kind := st.Mode & unix.S_IFMT; {
		case kind == unix.S_IFCHR && st.Rdev == 0:
			return "", false
		case i < len(parts)-1 && kind != unix.S_IFDIR:
			return "", false
		}
	}
	return at, true
}

func isOpaque(dir string) bool {
	if _, err := os.Lstat(dir + "/" + whiteoutOpaque); err == nil {
		return true
	}
	var value [1]byte
	n, err := unix.Lgetxattr(dir, "trusted.overlay.opaque", value[:])
	return err == nil && n == 1 && value[0] == 'y'
}

// inherit gives a directory that was just made the attributes of the layers below.
func (x *extractor) inherit(real string) error {
	mode := uint32(0o755)
	if from := x.find(real); from != "" {
		var st unix.Stat_t
		if err := unix.Lstat(from, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			mode = st.Mode & 0o7777
			if x.isRoot {
				if err := x.owned(unix.Fchownat(x.root, real, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)); err != nil {
					return err
				}
			}
			x.late[real] = &dirTimes{mode, [2]unix.Timespec{st.Atim, st.Mtim}}
		}
	}
	return unix.Fchmodat(x.root, real, mode|lockedOut, 0)
}

// linkBelow makes what a hard link to a file of the layers below is after overlayfs
// has copied that up.
func (x *extractor) linkBelow(ctx context.Context, h *tar.Header, d directory, base, target string) error {
	from := x.find(target)
	if from == "" {
		x.skipped.LostLinks++
		return nil
	}
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return err
	}
	copied := *h
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f, err := os.OpenFile(from, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			x.skipped.LostLinks++
			return nil
		}
		defer f.Close()
		x.skipped.LinksBelow++
		copied.Typeflag, copied.Size = tar.TypeReg, st.Size
		return x.file(ctx, &copied, d, base, io.LimitReader(f, st.Size))
	case unix.S_IFLNK:
		to, err := os.Readlink(from)
		if err != nil {
			return err
		}
		x.skipped.LinksBelow++
		if err := x.make(d, base, func() error { return unix.Symlinkat(to, d.fd, base) }); err != nil {
			return err
		}
		return x.attributes(h, d, base, true)
	case unix.S_IFDIR:
		return fmt.Errorf("it is a hard link to %q, a directory", path.Clean(target))
	}
	x.skipped.LostLinks++
	return nil
}
