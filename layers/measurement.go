package layers

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Measurement is what reading a layer's tar to its end tells about it.
type Measurement struct {
	// UnpackedBytes is the length of the uncompressed tar.
	UnpackedBytes int64
	// Files counts the tar's entries.
	Files int64
}

// ReadSizes reads measured layer sizes from a CSV file called name, with the
// columns digest, unpacked_bytes and entries; others are ignored.
func ReadSizes(name string, r io.Reader) (map[Digest]Measurement, error) {
	rows := csv.NewReader(r)
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: read the header: %w", name, err)
	}
	column := make(map[string]int)
	for i, h := range header {
		column[h] = i
	}
	for _, h := range []string{"digest", "unpacked_bytes", "entries"} {
		if _, ok := column[h]; !ok {
			return nil, fmt.Errorf("%s:1: no column %q in the header", name, h)
		}
	}
	sizes := make(map[Digest]Measurement)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return sizes, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		m, err := parseMeasurement(row[column["unpacked_bytes"]], row[column["entries"]])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		sizes[Digest(row[column["digest"]])] = m
	}
}

func parseMeasurement(unpacked, entries string) (m Measurement, err error) {
	if m.UnpackedBytes, err = strconv.ParseInt(unpacked, 10, 64); err != nil || m.UnpackedBytes < 0 || m.UnpackedBytes > maxBytes {
		return m, fmt.Errorf("unpacked_bytes %q is not a number of bytes", unpacked)
	}
	if m.Files, err = strconv.ParseInt(entries, 10, 64); err != nil || m.Files < 0 || m.Files > m.UnpackedBytes/entryBytes {
		return m, fmt.Errorf("entries %q is not a number of tar entries from 0 to %d, which is as many as %d bytes hold", entries, m.UnpackedBytes/entryBytes, m.UnpackedBytes)
	}
	return m, nil
}
