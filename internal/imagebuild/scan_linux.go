package main

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// kernelDirs are mounted over in every container: their content is no part of
// an image.
var kernelDirs = []string{"dev/", "proc/", "sys/"}

// scanTree lists what is below dir, sorted by path, each directory before its
// content. It understands overlayfs: a character device 0/0 is a whiteout, the
// attribute overlay.opaque marks an opaque directory.
func scanTree(dir string) ([]node, error) {
	var nodes []node
	links := map[inode]string{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := os.Lstat(file)
		if err != nil {
			return err
		}
		if isKernel(name) || info.Mode()&fs.ModeSocket != 0 {
			return nil
		}
		n, err := scanNode(file, name, info, links)
		if err != nil {
			return fmt.Errorf("scan %s: %w", name, err)
		}
		nodes = append(nodes, n)
		return nil
	})
	return nodes, err
}

// isKernel reports whether name lies inside one of kernelDirs.
func isKernel(name string) bool {
	for _, dir := range kernelDirs {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return false
}

// inode names a file on this machine, whatever its path.
type inode struct{ device, number uint64 }

// scanNode reads one entry. links maps files with several names to the first.
func scanNode(file, name string, info fs.FileInfo, links map[inode]string) (node, error) {
	stat := info.Sys().(*syscall.Stat_t)
	n := node{source: file, header: tar.Header{
		Name:    name,
		Mode:    int64(stat.Mode & 0o7777),
		Uid:     int(stat.Uid),
		Gid:     int(stat.Gid),
		ModTime: time.Unix(stat.Mtim.Sec, 0).UTC(),
	}}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		n.header.Typeflag = tar.TypeDir
		n.opaque = isOpaque(file)
	case syscall.S_IFLNK:
		n.header.Typeflag = tar.TypeSymlink
		target, err := os.Readlink(file)
		n.header.Linkname = target
		return n, err
	case syscall.S_IFREG:
		id := inode{stat.Dev, stat.Ino}
		if first, ok := links[id]; ok {
			n.header.Typeflag, n.header.Linkname = tar.TypeLink, first
			return n, nil
		}
		if stat.Nlink > 1 {
			links[id] = name
		}
		n.header.Typeflag, n.header.Size = tar.TypeReg, stat.Size
		n.header.PAXRecords = capabilities(file)
	case syscall.S_IFIFO:
		n.header.Typeflag = tar.TypeFifo
	case syscall.S_IFCHR, syscall.S_IFBLK:
		n.whiteout = stat.Mode&syscall.S_IFMT == syscall.S_IFCHR && stat.Rdev == 0
		n.header.Typeflag = tar.TypeChar
		if stat.Mode&syscall.S_IFMT == syscall.S_IFBLK {
			n.header.Typeflag = tar.TypeBlock
		}
		n.header.Devmajor, n.header.Devminor = deviceNumbers(stat.Rdev)
	}
	return n, nil
}

// isOpaque reports overlayfs's mark, in the form the kernel writes for root and
// in the form for everybody else.
func isOpaque(dir string) bool {
	return attribute(dir, "trusted.overlay.opaque") == "y" || attribute(dir, "user.overlay.opaque") == "y"
}

// capabilities returns the file capabilities as tar keeps them, nil for none.
func capabilities(file string) map[string]string {
	const name = "security.capability"
	value := attribute(file, name)
	if value == "" {
		return nil
	}
	return map[string]string{"SCHILY.xattr." + name: value}
}

// attribute returns an extended attribute, empty if there is none.
func attribute(file, name string) string {
	var value [256]byte
	size, err := syscall.Getxattr(file, name, value[:])
	if err != nil {
		return ""
	}
	return string(value[:size])
}

// deviceNumbers splits Linux's device number.
func deviceNumbers(device uint64) (major, minor int64) {
	major = int64(device>>8&0xfff | device>>32&^0xfff)
	minor = int64(device&0xff | device>>12&^0xff)
	return major, minor
}
