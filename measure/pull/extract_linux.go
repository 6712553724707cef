package pull

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Blocks of the tar are read and hashed, and files written, so many bytes at once.
const (
	tarBuffer  = 256 << 10
	fileBuffer = 256 << 10
)

// extract unpacks a layer's tar into dir as containerd's archive.Apply does with
// overlay whiteouts (pkg/archive/tar.go). below are the directories of the layers
// below, the nearest first.
//
// Nothing outside dir is ever touched: names are resolved with dir as their root,
// symlinks among them, and what is then opened is opened part by part with no symlink
// followed.
func extract(ctx context.Context, r io.Reader, dir string, below []string, limits Limits, compressedBytes int64) (Skipped, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Skipped{}, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	x := &extractor{
		root: fd, path: dir, below: below, isRoot: os.Geteuid() == 0,
		entries: limits.MaxEntries, room: limits.tarBytes(compressedBytes),
		dirs: make(map[string]directory), late: make(map[string]*dirTimes), buf: make([]byte, fileBuffer),
	}
	defer unix.Close(fd)
	defer x.closeDirs()
	tr := tar.NewReader(bufio.NewReaderSize(r, tarBuffer))
	for {
		if ctx.Err() != nil {
			return x.skipped, context.Cause(ctx)
		}
		h, err := tr.Next()
		if err == io.EOF {
			return x.skipped, x.finish()
		}
		if err != nil {
			return x.skipped, fmt.Errorf("read the layer's tar: %w", err)
		}
		if err := x.entry(ctx, h, tr); err != nil {
			return x.skipped, fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

// extractor is one layer being unpacked.
type extractor struct {
	root   int // the directory, O_PATH
	path   string
	below  []string
	isRoot bool
	// entries and room are how many entries and bytes of files may still come.
	entries, room int64
	skipped       Skipped
	// dirs are directories that are open, by the names that the tar has for them.
	dirs map[string]directory
	// late are the times, and modes that would lock us out, of directories by their
	// real paths, to be set at the end.
	late map[string]*dirTimes
	// stale: names in dirs may have another meaning by now.
	stale bool
	buf   []byte
}

// directory is an open directory: real is its path below the root without symlinks,
// empty for the root itself.
type directory struct {
	fd   int
	real string
}

type dirTimes struct {
	mode  uint32
	times [2]unix.Timespec
}

func (d directory) join(base string) string { return strings.TrimPrefix(d.real+"/"+base, "/") }

// mostDirs bounds how many directories are open at once.
const mostDirs = 64

func (x *extractor) closeDirs() {
	for _, d := range x.dirs {
		if d.fd != x.root {
			unix.Close(d.fd)
		}
	}
	clear(x.dirs)
	x.stale = false
}

// whiteouts, as in the OCI image specification, layer.md.
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// entry makes one entry of the tar.
func (x *extractor) entry(ctx context.Context, h *tar.Header, r io.Reader) error {
	if err := x.count(); err != nil {
		return err
	}
	if len(h.Name) > maxPathBytes || len(h.Linkname) > maxPathBytes || strings.ContainsRune(h.Name+h.Linkname, 0) {
		return fmt.Errorf("its name or link target is longer than %d bytes or holds a zero byte", maxPathBytes)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name := path.Clean("/" + h.Name)
	if name == "/" {
		return nil // the root itself, whose attributes containerd leaves as they are
	}
	parent, base := path.Split(name)
	d, err := x.open(strings.Trim(parent, "/"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(base, whiteoutPrefix) {
		return x.whiteout(h, d, base)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = x.mkdir(h, d, base)
	case tar.TypeReg, '\x00', tar.TypeCont, tar.TypeGNUSparse:
		err = x.file(ctx, h, d, base, r)
	case tar.TypeSymlink:
		if err = x.make(d, base, func() error { return unix.Symlinkat(h.Linkname, d.fd, base) }); err == nil {
			err = x.attributes(h, d, base, true)
		}
	case tar.TypeLink:
		err = x.link(ctx, h, d, base)
	case tar.TypeBlock, tar.TypeChar, tar.TypeFifo:
		err = x.node(h, d, base)
	default:
		err = fmt.Errorf("it is of the unknown type %q", h.Typeflag)
	}
	return err
}

// count takes one from the entries that may still come.
func (x *extractor) count() error {
	if x.entries--; x.entries < 0 {
		return errors.New("the layer has more entries and directories than Limits.MaxEntries allow" + tooMuch)
	}
	return nil
}

// open returns the directory that a name of the tar means, made if it is missing.
func (x *extractor) open(name string) (directory, error) {
	if x.stale {
		x.closeDirs()
	}
	if d, ok := x.dirs[name]; ok {
		return d, nil
	}
	real, err := x.resolve(name)
	if err != nil {
		return directory{}, err
	}
	d := directory{x.root, real}
	if real != "" {
		if d.fd, err = x.openDir(real); err == unix.ENOENT {
			d.fd, err = x.makeParents(real)
		}
		if err != nil {
			return directory{}, fmt.Errorf("open its directory: %w", err)
		}
	}
	if len(x.dirs) >= mostDirs {
		x.closeDirs()
	}
	x.dirs[name] = d
	return d, nil
}

// openDir opens a directory below the root by its real path, following no symlink.
func (x *extractor) openDir(real string) (int, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	parent, base := path.Split(real)
	if d, ok := x.dirs[strings.TrimSuffix(parent, "/")]; ok && d.join(base) == real && !x.stale {
		return unix.Openat(d.fd, base, flags, 0)
	}
	fd := x.root
	for part := range strings.SplitSeq(real, "/") {
		next, err := unix.Openat(fd, part, flags, 0)
		if fd != x.root {
			unix.Close(fd)
		}
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}

// mostLinks bounds the symlinks of one name, as Linux does.
const mostLinks = 40

// resolve follows symlinks with the layer's directory as the root, as if one had
// changed root into it: absolute targets begin there and ".." stops there. What does
// not exist is taken as it is written.
func (x *extractor) resolve(name string) (real string, err error) {
	left := strings.Split(name, "/")
	links := 0
	buf := make([]byte, maxPathBytes)
	for len(left) > 0 {
		part := left[0]
		left = left[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			real = strings.Trim(path.Dir("/"+real), "/")
			continue
		}
		next := directory{real: real}.join(part)
		n, err := unix.Readlinkat(x.root, next, buf)
		if err != nil { // no symlink, or nothing
			real = next
			continue
		}
		if links++; links > mostLinks {
			return "", unix.ELOOP
		}
		target := string(buf[:n])
		if strings.HasPrefix(target, "/") {
			real = ""
		}
		left = append(strings.Split(target, "/"), left...)
	}
	return real, nil
}

// makeParents makes a directory that the tar has no entry for, and those above it,
// with the attributes that the layers below have for them. One name can have two
// thousand, so they count as entries.
func (x *extractor) makeParents(real string) (int, error) {
	for i := 1; i <= len(real); i++ {
		if i < len(real) && real[i] != '/' {
			continue
		}
		err := unix.Mkdirat(x.root, real[:i], 0o700)
		if err == unix.EEXIST {
			continue
		}
		if err == nil {
			err = x.count()
		}
		if err == nil {
			err = x.inherit(real[:i])
		}
		if err != nil {
			return -1, err
		}
	}
	return x.openDir(real)
}

// make makes something new; what else stands there goes first.
func (x *extractor) make(d directory, base string, create func() error) error {
	err := create()
	if err != unix.EEXIST {
		return err
	}
	if err := x.remove(d, base); err != nil {
		return err
	}
	return create()
}

// remove removes what an entry replaces. A symlink may have been on the way of an
// open directory's name, so all are found anew from the next entry on.
func (x *extractor) remove(d directory, base string) error {
	x.stale = true
	err := unix.Unlinkat(d.fd, base, 0)
	if err == unix.EISDIR || err == unix.EPERM {
		return os.RemoveAll(x.full(d.join(base)))
	}
	return err
}

// finish sets the times of directories, the deepest first, since what is made in a
// directory changes its time and a mode may forbid to enter it.
func (x *extractor) finish() error {
	x.closeDirs()
	names := make([]string, 0, len(x.late))
	for real := range x.late {
		names = append(names, real)
	}
	slices.Sort(names)
	for _, real := range slices.Backward(names) {
		l := x.late[real]
		parent, base := path.Split(real)
		fd := x.root
		if parent != "" {
			var err error
			if fd, err = x.openDir(strings.TrimSuffix(parent, "/")); err != nil {
				continue // it was replaced by something else
			}
		}
		err := x.setLate(fd, base, l)
		if fd != x.root {
			unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", real, err)
		}
	}
	return nil
}

func (x *extractor) setLate(fd int, base string, l *dirTimes) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil // it was replaced by something else
	}
	if st.Mode&0o7777 != l.mode {
		if err := unix.Fchmodat(fd, base, l.mode, 0); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(fd, base, l.times[:], unix.AT_SYMLINK_NOFOLLOW)
}

// timesOf are an entry's times as containerd sets them: the access time is the later
// of both, and what the kernel cannot hold is 1970.
func timesOf(h *tar.Header) [2]unix.Timespec {
	access := h.ModTime
	if h.AccessTime.After(access) {
		access = h.AccessTime
	}
	return [2]unix.Timespec{timespec(access), timespec(h.ModTime)}
}

func timespec(t time.Time) unix.Timespec {
	if t.Before(time.Unix(0, 0)) || t.After(time.Unix(1<<63/1_000_000_000-1, 0)) {
		t = time.Unix(0, 0)
	}
	return unix.NsecToTimespec(t.UnixNano())
}
