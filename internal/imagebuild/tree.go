package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// node is one entry of an overlayfs upper directory, or of any directory.
type node struct {
	header   tar.Header // named relative to the directory, directories without a final slash
	source   string     // file on disk that holds the content of a regular file
	whiteout bool       // deletes the entry of this name in the layers below
	opaque   bool       // a directory that hides what the layers below have in it
}

const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// writeTree writes nodes as a layer's tar, in OCI's form: whiteouts become
// empty .wh. files. Times after latest are set to it. It returns the number of
// entries written.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
func writeTree(ctx context.Context, w io.Writer, nodes []node, latest time.Time) (entries int, err error) {
	out := tar.NewWriter(w)
	for _, n := range nodes {
		if err := ctx.Err(); err != nil {
			return entries, err
		}
		for _, m := range ociNodes(n) {
			if err := writeNode(out, m, latest); err != nil {
				return entries, fmt.Errorf("write tar entry %s: %w", m.header.Name, err)
			}
			entries++
		}
	}
	return entries, out.Close()
}

// ociNodes returns the tar entries that stand for n: an opaque directory is
// followed by its marker, which so comes before all that is in the directory.
func ociNodes(n node) []node {
	switch {
	case n.whiteout:
		dir, base := path.Split(n.header.Name)
		return []node{emptyFile(dir+whiteoutPrefix+base, n.header.ModTime)}
	case n.opaque:
		return []node{n, emptyFile(path.Join(n.header.Name, opaqueMarker), n.header.ModTime)}
	}
	return []node{n}
}

// emptyFile returns a marker, owned by root.
func emptyFile(name string, modified time.Time) node {
	return node{header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: modified}}
}

// writeNode writes one entry and its content.
func writeNode(out *tar.Writer, n node, latest time.Time) error {
	header := n.header
	header.ModTime = header.ModTime.Truncate(time.Second)
	if header.ModTime.After(latest) {
		header.ModTime = latest
	}
	if header.Typeflag == tar.TypeDir && !strings.HasSuffix(header.Name, "/") {
		header.Name += "/"
	}
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg || header.Size == 0 {
		return nil
	}
	in, err := os.Open(n.source)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(out, in)
	return err
}
