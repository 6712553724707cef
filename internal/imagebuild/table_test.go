package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func hashOf(digit string) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)}
}

func TestLayersRoundTrip(t *testing.T) {
	table := newLayerTable()
	table.add(blob{digest: hashOf("b"), diffID: hashOf("1"), compressedBytes: 7, unpackedBytes: 1024, entries: 1}, "gzip")
	table.add(blob{digest: hashOf("a"), diffID: hashOf("1"), compressedBytes: 5, unpackedBytes: 1024, entries: 1}, "zstd")
	table.add(blob{digest: hashOf("b"), diffID: hashOf("1"), compressedBytes: 7, unpackedBytes: 1024, entries: 1}, "other")

	var b bytes.Buffer
	if err := writeLayers(&b, table.sorted()); err != nil {
		t.Fatal(err)
	}
	want := "digest,diff_id,media_type,compressed_bytes,unpacked_bytes,entries\n" +
		hashOf("a").String() + "," + hashOf("1").String() + ",zstd,5,1024,1\n" +
		hashOf("b").String() + "," + hashOf("1").String() + ",gzip,7,1024,1\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	rows, err := readLayers(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rows, table.sorted()) {
		t.Errorf("read %v, wrote %v", rows, table.sorted())
	}
}

func TestReadLayersErrors(t *testing.T) {
	header := strings.Join(layerHeader, ",") + "\n"
	digest := hashOf("a").String()
	tests := []struct{ name, text, want string }{
		{"empty", "", "read header"},
		{"header", "digest,size\n", "header"},
		{"digest", header + "sha256:12," + digest + ",gzip,1,1,1\n", "line 2"},
		{"number", header + digest + "," + digest + ",gzip,one,1,1\n", `"one"`},
		{"fields", header + digest + "\n", "wrong number of fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readLayers(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
