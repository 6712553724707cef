//go:build linux

package containerd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// version is a daemon's, as far as what it does depends on it.
type version struct {
	major, minor int
	text         string
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

func (v version) String() string { return v.text }

var versionForm = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(\.\S*)?$`)

// parseVersion reads a version such as 2.4.2, v1.7.27 or 1.6.20~ds1.
func parseVersion(text string) (version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("%q is no version of containerd", text)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return version{major, minor, strings.TrimPrefix(text, "v")}, nil
}

// lastVersion finds the version in what `containerd --version` prints: its name, the
// version and a revision, which may be empty.
func lastVersion(out string) string {
	for _, word := range strings.Fields(out) {
		if versionForm.MatchString(word) {
			return word
		}
	}
	return strings.TrimSpace(out)
}
