package tarscan

import (
	"bytes"
	"errors"
	"strconv"
)

// Records of pax headers that say what an entry is. Owner names and times are of
// no interest here.
const (
	recordPath     = "path"
	recordLink     = "linkpath"
	recordSize     = "size"
	recordUID      = "uid"
	recordGID      = "gid"
	recordXattr    = "SCHILY.xattr." // prefix; what container tools use for extended attributes
	recordSparse   = "GNU.sparse."   // prefix (GNU tar manual, "Sparse Formats")
	recordMajor    = recordSparse + "major"
	recordMinor    = recordSparse + "minor"
	recordName     = recordSparse + "name"
	recordMap      = recordSparse + "map"
	recordOffset   = recordSparse + "offset"
	recordNumBytes = recordSparse + "numbytes"
)

// record is one key and value of a pax header.
type record struct{ key, value []byte }

// paxHeader holds a pax header's records. The slices point into its body. A
// later record replaces an earlier one, an empty value stands for none.
type paxHeader struct {
	path, link, size, uid, gid           []byte
	sparseMajor, sparseMinor, sparseName []byte
	hasSparseMap                         bool
	// kept are extended attributes and what describes a sparse file, in order.
	kept []record
}

var errRecord = errors.New("a pax header's record is malformed")

// parse reads the records of body in place of those held.
func (p *paxHeader) parse(body []byte) error {
	*p = paxHeader{kept: p.kept[:0]}
	for len(body) > 0 {
		r, rest, err := nextRecord(body)
		if err != nil {
			return err
		}
		p.set(r)
		body = rest
	}
	return nil
}

func (p *paxHeader) set(r record) {
	switch string(r.key) {
	case recordPath:
		p.path = r.value
	case recordLink:
		p.link = r.value
	case recordSize:
		p.size = r.value
	case recordUID:
		p.uid = r.value
	case recordGID:
		p.gid = r.value
	case recordMajor:
		p.sparseMajor = r.value
	case recordMinor:
		p.sparseMinor = r.value
	case recordName:
		p.sparseName = r.value
	case recordMap:
		p.hasSparseMap = len(r.value) > 0
	case recordOffset, recordNumBytes:
		p.hasSparseMap = true
	}
	if bytes.HasPrefix(r.key, []byte(recordXattr)) || bytes.HasPrefix(r.key, []byte(recordSparse)) {
		p.kept = append(p.kept, r)
	}
}

// nextRecord cuts "LENGTH KEY=VALUE\n" off body; LENGTH counts all of it.
func nextRecord(body []byte) (r record, rest []byte, err error) {
	digits, _, ok := bytes.Cut(body, []byte(" "))
	if !ok {
		return record{}, nil, errRecord
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 5 || n > len(body) || n <= len(digits)+1 || body[n-1] != '\n' {
		return record{}, nil, errRecord
	}
	key, value, ok := bytes.Cut(body[len(digits)+1:n-1], []byte("="))
	if !ok || len(key) == 0 || !nulFree(key, value) {
		return record{}, nil, errRecord
	}
	return record{key, value}, body[n:], nil
}

// nulFree refuses NULs where they would cut a name short for some readers only.
func nulFree(key, value []byte) bool {
	switch string(key) {
	case recordPath, recordLink, "uname", "gname":
		return bytes.IndexByte(value, 0) < 0
	}
	return bytes.IndexByte(key, 0) < 0
}

// isSparse says whether the records describe a sparse file, in GNU's formats 0.0,
// 0.1 or 1.0.
func (p *paxHeader) isSparse() bool {
	switch version := string(p.sparseMajor) + "." + string(p.sparseMinor); version {
	case "0.0", "0.1", "1.0":
		return true
	case ".":
		return p.hasSparseMap // the first two formats had no version
	}
	return false
}

// apply replaces what the header says by what the records say.
func (p *paxHeader) apply(h *header) error {
	var n numbers
	for _, r := range []struct {
		field string
		value []byte
		to    *int64
	}{{"size", p.size, &h.bodyBytes}, {"uid", p.uid, &h.uid}, {"gid", p.gid, &h.gid}} {
		if len(r.value) > 0 {
			*r.to = n.decimal(r.field, r.value)
		}
	}
	if len(p.path) > 0 {
		h.prefix, h.name = nil, p.path
	}
	if len(p.link) > 0 {
		h.link = p.link
	}
	return n.err
}
