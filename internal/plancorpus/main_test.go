package main

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

func pack(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCorpus: demand goes to the image that is named, or to those of the tag it begins;
// layers that images share stand once; and what is made of it the program's own readers take.
func TestCorpus(t *testing.T) {
	dir := t.TempDir()
	a, b := digestOf("a"), digestOf("b")
	layer := func(d layers.Digest) string { return `{"digest":"` + string(d) + `","size":100,"mediaType":null}` }
	pack(t, filepath.Join(dir, "some.jsonl.gz"), `{"ref":"base:1","platform":"linux/amd64","digest":"`+string(digestOf("i"))+`","config":null,"layers":[`+layer(a)+`]}
{"ref":"sdk:8-x","platform":"linux/amd64","config":null,"layers":[`+layer(a)+`,`+layer(b)+`]}
{"ref":"sdk:8-x","platform":"linux/arm64","config":null,"layers":[]}
{"ref":"sdk:8-y","platform":"linux/amd64","config":null,"layers":[`+layer(b)+`]}
{"ref":"other:1","platform":"linux/amd64","config":null,"layers":[`+layer(b)+`]}
`)
	pack(t, filepath.Join(dir, "base-image-from.csv.gz"), "ref,projects,dockerfiles\nlibrary/base:1,4,9\nbase:1,2,1\nsdk:8,3,3\nsd,7,1\n")
	files, err := corpora(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	images, err := readImages(files[0], "linux/amd64")
	if err != nil || len(images) != 4 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	demand, err := readDemand(filepath.Join(dir, "base-image-from.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	starts := weigh(images, demand, 0)
	if !slices.Equal(starts, []float64{6, 1.5, 1.5, 0}) || weigh(images, demand, 1)[3] != 1 {
		t.Errorf("starts %v of %v", starts, demand)
	}
	inv, w := inventory(images, "linux/amd64"), &workload.Workload{Apps: apps(images, starts, "")}
	if len(inv.Layers) != 2 || len(inv.Images) != 4 || !slices.Equal(inv.Images[1].Layers, []int{0, 1}) || *inv.Layers[0].UnpackedBytes != 260 || len(w.Apps) != 3 {
		t.Errorf("%+v, %+v", inv, w)
	}
	for kind, v := range map[string][2]any{"Inventory": {inv, new(layers.Inventory)}, "Workload": {w, new(workload.Workload)}} {
		data, err := document.Marshal(kind, v[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := document.Read("made.json", data, kind, v[1]); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
