package local

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// An image archive's tar holds some files a layer. These bounds are far above
// what any writer makes, and keep the table of contents of a hostile one below
// some 100 MB.
const (
	maxEntries       = 1 << 18
	maxPathBytes     = 4096
	maxNameBytes     = 32 << 20 // of all entries together
	maxUnpackedBytes = 1 << 42  // of the uncompressed archive: 4 TiB
	maxLinks         = 8        // followed from one name
)

// Documents in an archive that can be read only from its beginning are kept in
// memory as they go by, so that they cost no further pass.
const (
	maxKeptBytes    = 16 << 20 // one document: a config, a manifest, an index
	maxAllKeptBytes = 64 << 20
)

// contents is the table of contents of a tar. Where a name occurs twice, the
// last entry counts, as when the tar is extracted.
type contents struct {
	entries map[string]entry
	names   int64 // bytes of all names
	kept    int64 // bytes of all kept documents
	source  tarSource
}

type entry struct {
	offset, size int64 // of the content in the uncompressed tar
	// link is the name that this one stands for; empty for a file.
	link string
	// compression is that of the content by its first bytes.
	compression string
	// kept is the content where it is a document that was kept.
	kept []byte
	// times is how often the name occurs.
	times int
}

// A tarSource gives access to a tar's uncompressed bytes.
type tarSource interface {
	// section returns the bytes from offset on.
	section(ctx context.Context, offset, size int64) (io.ReadCloser, error)
	close() error
}

// A tarScan says how a tar is read to list its contents.
type tarScan struct {
	r io.Reader
	// position is that of the next byte of r in the uncompressed tar.
	position func() int64
	// keep says whether documents are kept in memory.
	keep bool
	// visit, if set, is given every file that is not a document.
	visit func(name string, r io.Reader) error
}

// contents reads the tar to its end.
func (s *tarScan) contents(ctx context.Context) (*contents, error) {
	c := &contents{entries: map[string]entry{}}
	tr := tar.NewReader(s.r)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := tr.Next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, tarError(err)
		}
		if err := s.add(c, header, tr); err != nil {
			return nil, err
		}
	}
}

// tarError words what archive/tar says in terms of the file.
func tarError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("it is not a tar, or damaged (%w)", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends early: it was cut off (%w)", err)
	}
	return err
}

func (s *tarScan) add(c *contents, header *tar.Header, r io.Reader) error {
	if err := c.admit(header); err != nil {
		return err
	}
	e := entry{offset: s.position(), size: header.Size}
	if e.size > maxUnpackedBytes-e.offset {
		return fmt.Errorf("it has more than %d TiB uncompressed", maxUnpackedBytes>>40)
	}
	name := cleanName(header.Name)
	switch header.Typeflag {
	case tar.TypeReg:
		if err := s.file(c, name, &e, r); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(name), tarError(err))
		}
	case tar.TypeSymlink:
		e.link = cleanName(path.Join(path.Dir(name), header.Linkname))
		if path.IsAbs(header.Linkname) {
			e.link = cleanName(header.Linkname)
		}
	case tar.TypeLink:
		e.link = cleanName(header.Linkname)
	default: // a directory; whatever else it is holds no content
		return nil
	}
	e.times = c.entries[name].times + 1
	c.entries[name] = e
	return nil
}

// admit refuses what a hostile archive would fill memory with.
func (c *contents) admit(header *tar.Header) error {
	c.names += int64(len(header.Name) + len(header.Linkname))
	switch {
	case len(header.Name) > maxPathBytes || len(header.Linkname) > maxPathBytes:
		return fmt.Errorf("entry %s has a path of more than %d bytes", quoted(header.Name), maxPathBytes)
	case len(c.entries) >= maxEntries:
		return fmt.Errorf("it has more than %d entries", maxEntries)
	case c.names > maxNameBytes:
		return fmt.Errorf("the paths of its entries have more than %d bytes", maxNameBytes)
	case isSparse(header):
		return fmt.Errorf("entry %s is sparse: make the archive again without tar's --sparse", quoted(header.Name))
	}
	return nil
}

// isSparse: the bytes of a sparse file are not as they lie in the tar.
func isSparse(header *tar.Header) bool {
	if header.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// file looks at a file's first bytes and keeps or shows its content.
func (s *tarScan) file(c *contents, name string, e *entry, r io.Reader) error {
	head := make([]byte, min(e.size, headBytes))
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	e.compression = compressionOf(head)
	content := io.MultiReader(strings.NewReader(string(head)), r)
	switch document := isDocument(head); {
	case document && s.keep && e.size <= maxKeptBytes && c.kept+e.size <= maxAllKeptBytes:
		raw, err := io.ReadAll(content)
		e.kept, c.kept = raw, c.kept+int64(len(raw))
		return err
	case !document && s.visit != nil:
		return s.visit(name, content)
	}
	return nil
}

// headBytes is how much of a file is looked at: one tar header.
const headBytes = 512

// isDocument tells a JSON document from a layer: the first file of a layer
// might be called {x, but then a tar header's magic follows.
func isDocument(head []byte) bool {
	if len(head) == 0 || (len(head) == headBytes && string(head[257:262]) == "ustar") {
		return false
	}
	return head[0] == '{' || head[0] == '['
}

// cleanName is a path in the archive: relative to its root, never above it.
func cleanName(name string) string { return path.Clean("/" + name)[1:] }

// find follows links from name to a file of the archive.
func (c *contents) find(name string) (resolved string, e entry, err error) {
	resolved = cleanName(name)
	for range maxLinks {
		e, ok := c.entries[resolved]
		switch {
		case !ok && resolved != cleanName(name):
			return "", entry{}, absent("%s is a link to %s, which is not there", quoted(name), quoted(resolved))
		case !ok:
			return "", entry{}, absent("%s is not there", quoted(name))
		case e.link == "":
			return resolved, e, nil
		}
		resolved = e.link
	}
	return "", entry{}, fmt.Errorf("%s is a chain of more than %d links", quoted(name), maxLinks)
}

// document reads a file of the archive whole.
func (c *contents) document(ctx context.Context, name string, limitBytes int64) ([]byte, error) {
	name, e, err := c.find(name)
	switch {
	case err != nil:
		return nil, err
	case e.size > limitBytes:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", quoted(name), e.size, limitBytes)
	case e.kept != nil:
		return e.kept, nil
	}
	r, err := c.open(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", quoted(name), err)
	}
	defer r.Close()
	raw, err := readDocument(r, limitBytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", quoted(name), err)
	}
	return raw, nil
}

func (c *contents) open(ctx context.Context, e entry) (io.ReadCloser, error) {
	if c.source == nil {
		return nil, errors.New("it went by and was not kept")
	}
	return c.source.section(ctx, e.offset, e.size)
}
