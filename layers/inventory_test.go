package layers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/document"
)

// inventoryOf is a file of one image of one layer, with the layer's other keys.
func inventoryOf(keys string) string {
	return fmt.Sprintf(`apiVersion: cachebench/v1
kind: Inventory
images: [{reference: "a:1", digest: "sha256:01", platform: linux/amd64, layers: [0]}]
layers:
- digest: sha256:02
%s`, keys)
}

// TestInventoryRefused: sizes that are absent are not 0, and sizes and counts that
// no layer has are refused with their line.
func TestInventoryRefused(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{"  unpackedBytes: 1024\n  unpackedSource: measured\n", "i.yaml:5: layers[0]: the key compressedBytes is missing"},
		{"  compressedBytes: -1\n", "i.yaml:6: layers[0].compressedBytes: -1 is negative: a size is 0 or more"},
		{"  compressedBytes: 2e15\n", "i.yaml:5: layers[0]: layer sha256:02 has an impossible size: more than 1 PiB"},
		{"  compressedBytes: 1\n  files: -3\n", "i.yaml:7: layers[0].files: layer sha256:02 cannot have -3 tar entries: give 0 to 2199023255552, or leave files out where it is not known"},
		{"  compressedBytes: 1\n  files: 2199023255553\n", "i.yaml:7: layers[0].files: layer sha256:02 cannot have 2199023255553 tar entries: give 0 to 2199023255552, or leave files out where it is not known"},
		{"  compressedBytes: 1\n  unpackedBytes: 1535\n  unpackedSource: measured\n  files: 3\n", "i.yaml:9: layers[0].files: layer sha256:02 cannot have 3 tar entries: give 0 to 2, or leave files out where it is not known"},
	} {
		if _, err := Read("i.yaml", []byte(inventoryOf(test.keys))); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.keys, err, test.want)
		}
	}
	for _, keys := range []string{
		"  compressedBytes: 0\n", // stated, so known
		"  compressedBytes: 1\n  unpackedBytes: 1536\n  unpackedSource: measured\n  files: 3\n",
		"  compressedBytes: 1\n  unpackedBytes: 1535\n  unpackedSource: estimated\n  files: 3\n", // the estimate may be short
	} {
		if _, err := Read("i.yaml", []byte(inventoryOf(keys))); err != nil {
			t.Errorf("%q: %v", keys, err)
		}
	}
}

// FuzzInventory: whatever the bytes of an inventory file, it is refused, or it is
// the same after writing, and its sums are of sizes that can be.
func FuzzInventory(f *testing.F) {
	f.Add([]byte(inventoryOf("  compressedBytes: 1\n  files: 3\n")))
	f.Add([]byte(inventoryOf("  unpackedBytes: 1024\n")))
	f.Add([]byte(`{"apiVersion":"cachebench/v1","kind":"Inventory","images":[{"reference":"a","digest":"sha256:1","platform":"linux/amd64","layers":[0,0,-1]}],"layers":[{"digest":"sha256:2","compressedBytes":1e18,"files":-9}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"i.yaml", "i.json"} {
			inv, err := Read(name, data)
			if err != nil {
				if !strings.Contains(err.Error(), name) {
					t.Fatalf("the error does not name the file: %v", err)
				}
				continue
			}
			written, err := document.Marshal(InventoryKind, inv)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Read("again.json", written)
			if err != nil {
				t.Fatalf("its own writing is refused: %v\n%s", err, written)
			}
			if diff := cmp.Diff(inv, again); diff != "" {
				t.Fatalf("read again:\n%s", diff)
			}
			size := inv.Estimated().Total()
			if size.CompressedBytes < 0 || size.UnpackedBytes < size.EstimatedBytes || size.EstimatedBytes < 0 {
				t.Fatalf("sizes %+v", size)
			}
			inv.Chains()
			inv.Sharing(SharingOptions{})
		}
	})
}
