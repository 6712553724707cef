package layers

import (
	"os"
	"testing"
)

// TestLocalHint: what is on disk under the name of an image is told with its transport,
// and nothing else is.
func TestLocalHint(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"layout", "other"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"layout/oci-layout", "web.tar"} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for reference, want := range map[string]string{
		"layout":     "; an OCI layout of that name is here: write oci:layout",
		"web.tar":    "; a file of that name is here: write oci-archive:web.tar or docker-archive:web.tar",
		"other":      "",
		"nginx:1.27": "",
		"oci:layout": "",
	} {
		if got := localHint(reference); got != want {
			t.Errorf("%s: %q, want %q", reference, got, want)
		}
	}
}
