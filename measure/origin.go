package measure

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// Origin says where images come from that no Site serves, besides what they are called.
// The zero value is where their names say.
type Origin struct {
	// Aliases are the names under which registries are asked; Mirrors are asked before
	// them, in order.
	Aliases map[string]string
	Mirrors map[string][]string
	// PlainHTTP names registries that are spoken to without TLS.
	PlainHTTP []string
	// HostDir, where given, is containerd's directory of registry hosts (certs.d), which
	// says it in place of all above.
	HostDir string
}

// Fact is where the images come from, in the same words for the same places. A
// directory of registry hosts is told by its digest, which changes with what it says.
func (o *Origin) Fact() (simulate.Fact, error) {
	words := o.words()
	if o.HostDir != "" {
		digest, err := digestOfHosts(os.DirFS(o.HostDir))
		if err != nil {
			return simulate.Fact{}, fmt.Errorf("read the registry hosts in %s: %w", o.HostDir, err)
		}
		words = []string{"by the registry hosts of digest " + digest}
	}
	value := asNamed
	if len(words) > 0 {
		value += ", but " + strings.Join(words, "; ")
	}
	return simulate.Fact{Name: FactRegistry, Value: value}, nil
}

const asNamed = "as the images name it"

func (o *Origin) words() (words []string) {
	for _, from := range slices.Sorted(maps.Keys(o.Aliases)) {
		words = append(words, from+" as "+o.Aliases[from])
	}
	for _, from := range slices.Sorted(maps.Keys(o.Mirrors)) {
		words = append(words, from+" through "+strings.Join(o.Mirrors[from], ", "))
	}
	if len(o.PlainHTTP) > 0 {
		plain := slices.Compact(slices.Sorted(slices.Values(o.PlainHTTP)))
		words = append(words, strings.Join(plain, ", ")+" without TLS")
	}
	return words
}

// digestOfHosts is of all files of the hosts, a directory each. In a mounted ConfigMap
// they are symlinks into a hidden one, whose name is another each time.
func digestOfHosts(dir fs.FS) (string, error) {
	names, err := fs.Glob(dir, "*/*")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range names {
		info, err := fs.Stat(dir, name)
		if err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%q %d\n", name, len(text))
		sum.Write(text)
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), nil
}
