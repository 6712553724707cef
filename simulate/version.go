package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// ModelVersion is that of the rules by which starts are simulated and estimated. It is
// raised when the same inputs come to other numbers, so that results of before and after
// are not taken for two images that differ. A new profile needs no new version: results
// state the Digest of theirs.
const ModelVersion = 1

// Digest is that of all that the profile says but its name and where values come from: two
// profiles of one digest simulate the same.
func (p *Profile) Digest() layers.Digest {
	var b strings.Builder
	p.writeExact(&b)
	sum := sha256.Sum256([]byte(b.String()))
	return layers.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// writeExact writes every value in a line, then the links and, each as a whole profile,
// the node classes.
func (p *Profile) writeExact(b *strings.Builder) {
	for _, v := range p.values() {
		fmt.Fprintf(b, "%s %s\n", v.name, v.exact())
	}
	for _, name := range slices.Sorted(maps.Keys(p.Network.Links)) {
		l := p.Network.Links[name]
		fmt.Fprintf(b, "link %q below %q %s\n", name, l.Parent, l.Rate.exact())
	}
	fmt.Fprintf(b, "attach %q\n", p.Network.Attach)
	for _, name := range slices.Sorted(maps.Keys(p.NodeClasses)) {
		fmt.Fprintf(b, "class %q\n", name)
		class, err := p.Class(name)
		if err != nil {
			fmt.Fprintln(b, err) // no profile that was read has one
			continue
		}
		class.writeExact(b)
	}
}
