package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/layers"
)

// recordedAnalysis is cachebench's view of the recorded images, without a
// process, and the facts that their documents state.
func recordedAnalysis(t *testing.T) (*analysis, map[[2]string]facts) {
	t.Helper()
	documents := map[[2]string]facts{}
	var references []string
	for _, img := range recordedImages(t) {
		manifest, err := os.ReadFile(recorded.blob(img.descriptor.Digest))
		if err != nil {
			t.Fatal(err)
		}
		config, err := os.ReadFile(recorded.blob(img.manifest.Config.Digest))
		if err != nil {
			t.Fatal(err)
		}
		f, err := factsOf(manifest, config)
		if err != nil {
			t.Fatal(err)
		}
		reference := "oci:" + string(recorded) + ":" + img.reference
		references = append(references, reference)
		documents[[2]string{reference, f["platform"]}] = f
	}
	return analysisOf(t, references), documents
}

func analysisOf(t *testing.T, references []string) *analysis {
	t.Helper()
	inventory, err := layers.Resolve(t.Context(), references, layers.Options{Platforms: comparedPlatforms})
	if err != nil {
		t.Fatal(err)
	}
	return &analysis{inventory, inventory.Sharing(layers.SharingOptions{})}
}

// TestFacts: on the recorded images, what an analysis says is what the documents
// do, and a platform that an image lacks is refused.
func TestFacts(t *testing.T) {
	ours, documents := recordedAnalysis(t)
	compared := 0
	for at, theirs := range documents {
		for _, platform := range comparedPlatforms {
			mine, err := ours.image(at[0], platform)
			if err != nil {
				t.Error(err)
				continue
			}
			if platform != at[1] && documents[[2]string{at[0], platform}] != nil {
				continue // another child of the index
			}
			want := theirs.on(platform)
			for _, difference := range want.differences("the documents", mine, "the analysis") {
				t.Errorf("%s on %s: %s", at[0], platform, difference)
			}
			compared += len(want)
		}
	}
	if compared < 300 {
		t.Errorf("only %d facts were compared", compared)
	}
}

// TestDifferences: whatever an analysis has wrong is found, and named.
func TestDifferences(t *testing.T) {
	reference := "oci:" + string(recorded) + ":registry.example.com/shop/web:1.4.0"
	const platform = "linux/amd64"
	_, documents := recordedAnalysis(t)
	theirs := documents[[2]string{reference, platform}]
	other := layers.Digest("sha256:" + strings.Repeat("0", 64))
	for fact, spoil := range map[string]func(*layers.Inventory){
		"manifest":         func(inv *layers.Inventory) { inv.Images[0].Digest = other },
		"config":           func(inv *layers.Inventory) { inv.Images[0].ConfigDigest = other },
		"media type":       func(inv *layers.Inventory) { inv.Images[0].MediaType = "application/json" },
		"created":          func(inv *layers.Inventory) { inv.Images[0].CreatedAt = inv.Images[0].CreatedAt.AddDate(0, 0, 1) },
		"layers":           func(inv *layers.Inventory) { inv.Images[0].Layers = append(inv.Images[0].Layers, 0) },
		"layer 06":         func(inv *layers.Inventory) { inv.Images[0].Layers = inv.Images[0].Layers[:5] },
		"layer 02":         func(inv *layers.Inventory) { l := inv.Images[0].Layers; l[1], l[2] = l[2], l[1] },
		"layer 01":         func(inv *layers.Inventory) { inv.Layers[0].CompressedBytes++ },
		"compressed bytes": func(inv *layers.Inventory) { inv.Layers[0].CompressedBytes++ },
		"diffID 01":        func(inv *layers.Inventory) { inv.Layers[0].DiffID = other },
		"chains":           func(inv *layers.Inventory) { inv.Layers[1].DiffID = other },
		"step 03":          func(inv *layers.Inventory) { inv.Layers[2].CreatedBy += " " },
		"has the platform": func(inv *layers.Inventory) { inv.Images = nil },
	} {
		t.Run(fact, func(t *testing.T) {
			inventory := analysisOf(t, []string{reference}).inventory
			spoil(inventory)
			spoilt := &analysis{inventory, inventory.Sharing(layers.SharingOptions{})}
			inventory.Unresolved = append(inventory.Unresolved, layers.Unresolved{Reference: reference, Reason: "it has no image for " + platform})
			mine, err := spoilt.image(reference, platform)
			if err != nil {
				t.Fatal(err)
			}
			found := theirs.differences("the documents", mine, "the analysis")
			if !strings.Contains("\n"+strings.Join(found, "\n"), "\n"+fact+": ") {
				t.Errorf("found %q", found)
			}
		})
	}
}

// TestReportDiffers: an Inventory and a report that say different things are an
// error.
func TestReportDiffers(t *testing.T) {
	reference := "oci:" + string(recorded) + ":registry.example.com/shop/web:1.4.0"
	ours := analysisOf(t, []string{reference})
	ours.report.Sets[0].Layers[0].CompressedBytes++
	if _, err := ours.image(reference, "linux/amd64"); err == nil || !strings.Contains(err.Error(), "the report says") {
		t.Errorf("error %v", err)
	}
	if _, err := ours.image("oci:missing", "linux/amd64"); err == nil || !strings.Contains(err.Error(), "does not say") {
		t.Errorf("a reference that is not mentioned: %v", err)
	}
}

// TestScanFacts: a line of layers.csv finds another size, another count and a
// layer that was not read.
func TestScanFacts(t *testing.T) {
	for _, row := range recordedLayers(t) {
		bytes, entries := row.unpackedBytes, int64(row.entries)
		read := layers.Layer{
			Digest: layers.Digest(row.digest.String()), DiffID: layers.Digest(row.diffID.String()), CompressedBytes: row.compressedBytes,
			UnpackedBytes: &bytes, UnpackedSource: layers.Measured, Files: &entries, Scan: &layers.Scan{},
		}
		count := func() int { return len(row.facts().differences("layers.csv", scanFacts(&read), "cachebench")) }
		if n := count(); n != 0 {
			t.Fatalf("%d differences where there are none", n)
		}
		bytes++
		if n := count(); n != 1 {
			t.Errorf("another size: %d differences", n)
		}
		entries++
		if n := count(); n != 2 {
			t.Errorf("another count too: %d differences", n)
		}
		if read.Scan = nil; count() != 2 {
			t.Errorf("not read: %d differences", count())
		}
	}
}

func TestChildrenOf(t *testing.T) {
	for body, want := range map[string]int{`{"manifests":[{},{}]}`: 2, `{"config":{},"layers":[]}`: 0} {
		if got, err := childrenOf(json.RawMessage(body)); err != nil || len(got) != want {
			t.Errorf("%s: %d children, %v", body, len(got), err)
		}
	}
	if _, err := childrenOf([]byte("<html>")); err == nil {
		t.Error("a page is taken for an index")
	}
}
