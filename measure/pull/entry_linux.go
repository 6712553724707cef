package pull

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

// lockedOut are the mode bits without which a directory's owner cannot unpack into
// it; they are set until the end.
const lockedOut = 0o700

func (x *extractor) mkdir(h *tar.Header, d directory, base string) error {
	err := unix.Mkdirat(d.fd, base, lockedOut)
	if err == unix.EEXIST {
		var st unix.Stat_t
		if err = unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if err = x.remove(d, base); err == nil {
				err = unix.Mkdirat(d.fd, base, lockedOut)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := x.own(h, d, base); err != nil {
		return err
	}
	real := d.join(base)
	if err := x.xattrs(h, real); err != nil {
		return err
	}
	mode := uint32(h.Mode & 0o7777)
	x.late[real] = &dirTimes{mode, timesOf(h)}
	return unix.Fchmodat(d.fd, base, mode|lockedOut, 0)
}

func (x *extractor) file(ctx context.Context, h *tar.Header, d directory, base string, r io.Reader) error {
	if x.room -= h.Size; x.room < 0 {
		return errors.New("the layer's files hold more bytes than Limits allow" + tooMuch)
	}
	fd := -1
	err := x.make(d, base, func() (err error) {
		fd, err = unix.Openat(d.fd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	if err = x.fill(ctx, fd, r); err == nil {
		err = x.dress(h, fd)
	}
	if closing := unix.Close(fd); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	times := timesOf(h)
	return unix.UtimesNanoAt(d.fd, base, times[:], unix.AT_SYMLINK_NOFOLLOW)
}

// dress sets the attributes of an open file. Owners go first, since a change of
// owner takes capabilities and set-user-ID bits away.
func (x *extractor) dress(h *tar.Header, fd int) error {
	if !x.isRoot {
		x.skipped.Owners++
	} else if err := x.owned(unix.Fchown(fd, h.Uid, h.Gid)); err != nil {
		return err
	}
	err := x.eachXattr(h, func(key, value string) error { return unix.Fsetxattr(fd, key, []byte(value), 0) })
	if err != nil {
		return err
	}
	return unix.Fchmod(fd, uint32(h.Mode&0o7777))
}

// fill writes a file's content.
func (x *extractor) fill(ctx context.Context, fd int, r io.Reader) error {
	for {
		n, err := r.Read(x.buf)
		for done := 0; done < n; {
			w, err := unix.Write(fd, x.buf[done:n])
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			done += w
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read the layer's tar: %w", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// link makes a hard link. Its target is a name of the tar, of which no symlink but
// those of its directory is followed; if this layer does not have it, it is copied
// from the layers below.
func (x *extractor) link(ctx context.Context, h *tar.Header, d directory, base string) error {
	target := strings.TrimPrefix(h.Linkname, "/")
	slash := strings.LastIndexByte(target, '/')
	dir, err := x.resolve(target[:slash+1])
	if err != nil {
		return err
	}
	last := target[slash+1:]
	if last == "" || last == "." || last == ".." {
		return fmt.Errorf("it is a hard link to %q, a directory", h.Linkname)
	}
	from := directory{x.root, dir}
	if dir != "" {
		if from.fd, err = x.openDir(dir); err != nil {
			return x.linkBelow(ctx, h, d, base, from.join(last))
		}
		defer unix.Close(from.fd)
	}
	if from.real == d.real && last == base {
		return fmt.Errorf("it is a hard link to itself")
	}
	err = x.make(d, base, func() error { return unix.Linkat(from.fd, last, d.fd, base, 0) })
	if err == unix.ENOENT {
		return x.linkBelow(ctx, h, d, base, from.join(last))
	}
	if err != nil {
		return fmt.Errorf("link to %q: %w", h.Linkname, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return x.attributes(h, d, base, st.Mode&unix.S_IFMT == unix.S_IFLNK)
}

// node makes a device or a fifo, where that is permitted.
func (x *extractor) node(h *tar.Header, d directory, base string) error {
	kind, left := uint32(unix.S_IFIFO), &x.skipped.Fifos
	if h.Typeflag != tar.TypeFifo {
		left = &x.skipped.Devices
		if kind = unix.S_IFBLK; h.Typeflag == tar.TypeChar {
			kind = unix.S_IFCHR
		}
		if h.Devmajor < 0 || h.Devmajor > math.MaxUint32 || h.Devminor < 0 || h.Devminor > math.MaxUint32 {
			return fmt.Errorf("its device number %d:%d is out of range", h.Devmajor, h.Devminor)
		}
	}
	if !x.isRoot {
		*left++
		return nil
	}
	number := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	err := x.make(d, base, func() error {
		return unix.Mknodat(d.fd, base, kind|uint32(h.Mode&0o7777), int(number))
	})
	if err == unix.EPERM { // a container's root
		*left++
		return nil
	}
	if err != nil {
		return err
	}
	return x.attributes(h, d, base, false)
}

// whiteout makes what overlayfs has for a deleted name: a device 0:0, or an
// attribute of the directory.
func (x *extractor) whiteout(h *tar.Header, d directory, base string) error {
	if base == whiteoutOpaque {
		err := unix.Lsetxattr(x.full(d.real), "trusted.overlay.opaque", []byte{'y'}, 0)
		if err == unix.EPERM || err == unix.ENOTSUP {
			x.skipped.OpaqueDirectories++
			return x.mark(d, base)
		}
		return err
	}
	hidden := strings.TrimPrefix(base, whiteoutPrefix)
	if hidden == "" || hidden == "." || hidden == ".." {
		return errors.New("it is a whiteout of no name")
	}
	err := unix.Mknodat(d.fd, hidden, unix.S_IFCHR, 0)
	switch {
	case err == unix.EEXIST: // a whiteout is about the layers below
		return nil
	case err == unix.EPERM || err == unix.ENOTSUP:
		x.skipped.Whiteouts++
		return x.mark(d, base)
	case err != nil:
		return err
	}
	if !x.isRoot {
		return nil
	}
	return x.owned(unix.Fchownat(d.fd, hidden, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW))
}

// mark makes an empty file for a whiteout that cannot be made.
func (x *extractor) mark(d directory, base string) error {
	fd, err := unix.Openat(d.fd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// full is the path of what stands below the root by its real path.
func (x *extractor) full(real string) string { return x.path + "/" + real }

// attributes sets what all entries have but those that are set while open.
func (x *extractor) attributes(h *tar.Header, d directory, base string, symlink bool) error {
	if err := x.own(h, d, base); err != nil {
		return err
	}
	if err := x.xattrs(h, d.join(base)); err != nil {
		return err
	}
	if !symlink {
		if err := unix.Fchmodat(d.fd, base, uint32(h.Mode&0o7777), 0); err != nil {
			return err
		}
	}
	times := timesOf(h)
	return unix.UtimesNanoAt(d.fd, base, times[:], unix.AT_SYMLINK_NOFOLLOW)
}

func (x *extractor) own(h *tar.Header, d directory, base string) error {
	if !x.isRoot {
		x.skipped.Owners++
		return nil
	}
	return x.owned(unix.Fchownat(d.fd, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW))
}

// owned counts owners that a container's root may not give (user_namespaces(7)).
func (x *extractor) owned(err error) error {
	if err == unix.EPERM || err == unix.EINVAL {
		x.skipped.Owners++
		return nil
	}
	return err
}

const paxXattr = "SCHILY.xattr."

func (x *extractor) xattrs(h *tar.Header, real string) error {
	return x.eachXattr(h, func(key, value string) error {
		return unix.Lsetxattr(x.full(real), key, []byte(value), 0)
	})
}

// eachXattr sets the entry's extended attributes, and counts those that cannot be;
// trusted ones are never taken from a tar.
func (x *extractor) eachXattr(h *tar.Header, set func(key, value string) error) error {
	for record, value := range h.PAXRecords {
		key, ok := strings.CutPrefix(record, paxXattr)
		if !ok {
			continue
		}
		err := error(unix.EPERM)
		if !strings.HasPrefix(key, "trusted.") {
			err = set(key, value)
		}
		switch err {
		case nil:
		case unix.EPERM, unix.ENOTSUP, unix.EACCES, unix.EINVAL:
			x.skipped.Xattrs++
		default:
			return fmt.Errorf("set its attribute %q: %w", key, err)
		}
	}
	return nil
}
