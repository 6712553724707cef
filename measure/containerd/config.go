//go:build linux

package containerd

import (
	"fmt"
	"strconv"
	"strings"
)

// limits are what a daemon is configured with; 0 is its default.
type limits struct {
	downloads, unpacks int
}

// unneeded are plugins that would write outside the daemon's root (opt, cri, nri),
// listen, or slow its start down. Names that a version does not know it ignores.
var unneeded = []string{
	"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
	"io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
	"io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.restart",
	"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
	"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
	"io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs",
}

// configuration is the daemon's config.toml. Its log is in JSON with debug messages,
// which tell when layers are requested and applied.
func configuration(p *program, places places, l limits) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version = %d\nroot = %q\nstate = %q\n", p.config, places.data, places.state)
	fmt.Fprintf(&b, "disabled_plugins = [%s]\n", disabled(p.snapshotter))
	fmt.Fprintf(&b, "[grpc]\naddress = %q\n", places.socket)
	fmt.Fprintf(&b, "[debug]\nlevel = \"debug\"\nformat = \"json\"\n")
	if !p.version.atLeast(2, 0) {
		return b.String() // pulls go by the client
	}
	if l != (limits{}) {
		b.WriteString("[plugins.\"io.containerd.transfer.v1.local\"]\n")
		if l.downloads > 0 {
			fmt.Fprintf(&b, "max_concurrent_downloads = %d\n", l.downloads)
		}
		if l.unpacks > 0 {
			fmt.Fprintf(&b, "max_concurrent_unpacks = %d\n", l.unpacks)
		}
	}
	if p.snapshotter != "overlayfs" {
		// The transfer service unpacks for the default one alone unless it is told.
		fmt.Fprintf(&b, "[[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\nplatform = %q\nsnapshotter = %q\n", p.platform, p.snapshotter)
	}
	return b.String()
}

// disabled are the plugins that are not needed, the snapshotter in use not among
// them.
func disabled(snapshotter string) string {
	var quoted []string
	for _, name := range unneeded {
		if name != "io.containerd.snapshotter.v1."+snapshotter {
			quoted = append(quoted, strconv.Quote(name))
		}
	}
	return strings.Join(quoted, ", ")
}

// Names of decoders, as in a profile (simulate.Decoders).
const (
	decoderIgzip = "igzip"
	decoderPigz  = "pigz"
	decoderGo    = "go"
	decoderGoStd = "go-std"
)
