package layers

import (
	"fmt"
	"os"
	"path/filepath"
)

// localHint ends what is said of a name that no registry knows, where a file or directory
// of that name is here: it has to be named with its transport.
func localHint(reference string) string {
	if transport, _ := splitTransport(reference); transport != "docker" {
		return ""
	}
	info, err := os.Stat(reference)
	if err != nil {
		return ""
	}
	if !info.IsDir() {
		return fmt.Sprintf("; a file of that name is here: write oci-archive:%s or docker-archive:%s", reference, reference)
	}
	if _, err := os.Stat(filepath.Join(reference, "oci-layout")); err == nil {
		return fmt.Sprintf("; an OCI layout of that name is here: write oci:%s", reference)
	}
	return ""
}
