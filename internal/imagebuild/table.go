package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layerRow is one line of layers.csv: what a manifest says about a layer and
// what only its content can tell.
type layerRow struct {
	digest, diffID  v1.Hash
	mediaType       types.MediaType // in the first manifest that names the layer
	compressedBytes int64
	unpackedBytes   int64 // length of the uncompressed tar
	entries         int   // tar entries, whiteouts included
}

var layerHeader = []string{"digest", "diff_id", "media_type", "compressed_bytes", "unpacked_bytes", "entries"}

// layerTable collects rows, one a digest.
type layerTable map[v1.Hash]layerRow

func newLayerTable() layerTable { return layerTable{} }

// add adds a layer unless it is there.
func (t layerTable) add(b blob, mediaType types.MediaType) {
	if _, ok := t[b.digest]; !ok {
		t[b.digest] = layerRow{b.digest, b.diffID, mediaType, b.compressedBytes, b.unpackedBytes, b.entries}
	}
}

// sorted returns the rows by digest.
func (t layerTable) sorted() []layerRow {
	var rows []layerRow
	for _, row := range t {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b layerRow) int { return strings.Compare(a.digest.Hex, b.digest.Hex) })
	return rows
}

// writeLayers writes layers.csv.
func writeLayers(w io.Writer, rows []layerRow) error {
	out := csv.NewWriter(w)
	out.Write(layerHeader)
	for _, r := range rows {
		out.Write([]string{
			r.digest.String(), r.diffID.String(), string(r.mediaType),
			strconv.FormatInt(r.compressedBytes, 10), strconv.FormatInt(r.unpackedBytes, 10), strconv.Itoa(r.entries),
		})
	}
	out.Flush()
	return out.Error()
}

// readLayers reads layers.csv.
func readLayers(r io.Reader) ([]layerRow, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read header of layers.csv: %w", err)
	}
	if !slices.Equal(header, layerHeader) {
		return nil, fmt.Errorf("layers.csv has the header %q, want %q", header, layerHeader)
	}
	records, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []layerRow
	for i, record := range records {
		row, err := parseLayer(record)
		if err != nil {
			return nil, fmt.Errorf("layers.csv line %d: %w", i+2, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// parseLayer reads one record.
func parseLayer(record []string) (row layerRow, err error) {
	row.mediaType = types.MediaType(record[2])
	if row.digest, err = v1.NewHash(record[0]); err != nil {
		return row, err
	}
	if row.diffID, err = v1.NewHash(record[1]); err != nil {
		return row, err
	}
	if row.compressedBytes, err = strconv.ParseInt(record[3], 10, 64); err != nil {
		return row, err
	}
	if row.unpackedBytes, err = strconv.ParseInt(record[4], 10, 64); err != nil {
		return row, err
	}
	row.entries, err = strconv.Atoi(record[5])
	return row, err
}
