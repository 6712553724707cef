package eci_test

import (
	"strings"
	"testing"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/google/go-cmp/cmp"
)

// TestSpecsAsDocuments: every field of a request can be written in a file and read
// back, units and all; passwords can only be read.
func TestSpecsAsDocuments(t *testing.T) {
	cache, update, group := fullCache, fullUpdate, fullGroup
	cache.RegistryCredentials, update.RegistryCredentials, group.RegistryCredentials = nil, nil, nil
	group.Containers, group.InitContainers = []eci.Container{fullGroup.Containers[0], fullGroup.Containers[1]}, nil
	group.Containers[0].Environment = nil
	readsBack(t, cache)
	update.Elimination = ptr("LRU") // an empty text in a file is one that is not given
	readsBack(t, update)
	readsBack(t, group)

	var read eci.ImageCacheSpec
	text := `
apiVersion: cachebench/v1
kind: ImageCacheSpec
name: web
images: [nginx:1.25]
sizeGiB: 40GiB
registryCredentials: [{server: r, userName: u, password: hunter22}]
`
	if err := document.Read("x.yaml", []byte(text), "ImageCacheSpec", &read); err != nil {
		t.Fatal(err)
	}
	if read.SizeGiB != 40 || read.RegistryCredentials[0].Password != "hunter22" {
		t.Errorf("%+v", read)
	}
	written, err := document.Marshal("ImageCacheSpec", read)
	if err != nil || strings.Contains(string(written), "hunter22") {
		t.Errorf("%s, %v", written, err)
	}
}

func readsBack[T any](t *testing.T, spec T) {
	t.Helper()
	text, err := document.Marshal("Spec", spec)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := document.Read("x.yaml", text, "Spec", &back); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(spec, back); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}
