package ecitest_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// start is when the clock of these tests begins.
var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

const mega = 1_000_000

// plainProfile is one whose times can be worked out by hand: an instance takes 10 s,
// a cache's disk 5 s, 10 MB of layers a second, a container 1 s, a program 2 s; a
// snapshot 100 s, a local one 20 s. All else takes no time.
func plainProfile() *simulate.Profile {
	p := simulate.ECI()
	p.Name = "plain"
	p.Network.RoundTrip.Value, p.Network.Request.Value = 0, 0
	p.Network.Connection.Value, p.Network.Node.Value, p.Network.Goodput.Value = network.Unlimited, 10*mega, 1
	p.Pull.Start.Value, p.Pull.Blob.Value = 0, 0
	u := &p.Unpack
	u.Gzip.Value, u.Disk.Value, u.Fetch.Value = network.Unlimited, network.Unlimited, network.Unlimited
	u.Layer.Value, u.File.Value, u.FetchDiskFraction.Value = 0, 0, 0
	p.Start.Provision.Value, p.Start.Create.Value, p.Start.Ready.Value = 10*time.Second, time.Second, 2*time.Second
	p.Cache.Attach.Value, p.Cache.FirstRead.Value = 5*time.Second, network.Unlimited
	p.Cache.Build.Value, p.Cache.Flash.Value = 100*time.Second, 20*time.Second
	return p
}

// inventory has images as lines "reference layer:MB layer:MB …", base layer first;
// layers of one name are the same layer. Unpacked they have three times the size.
func inventory(t testing.TB, lines ...string) *layers.Inventory {
	inv := &layers.Inventory{ResolvedAt: start}
	at := make(map[string]int)
	for _, line := range lines {
		words := strings.Fields(line)
		img := layers.Image{
			Reference: words[0], Platform: layers.DefaultPlatform, Digest: digest("image " + line), MediaType: "application/vnd.oci.image.manifest.v1+json",
		}
		for _, word := range words[1:] {
			name, size, _ := strings.Cut(word, ":")
			l, ok := at[name]
			if !ok {
				var megabytes int64
				if _, err := fmt.Sscan(size, &megabytes); err != nil {
					t.Fatal(line, err)
				}
				l = len(inv.Layers)
				at[name] = l
				unpacked := 3 * megabytes * mega
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: digest("blob " + name), DiffID: digest("tar " + name), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
					CompressedBytes: megabytes * mega, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
				})
			}
			img.Layers = append(img.Layers, l)
		}
		inv.Images = append(inv.Images, img)
	}
	return inv
}

func digest(text string) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
}

// plain is a server of the plain profile and these images.
func plain(t testing.TB, lines ...string) (*ecitest.Server, *client) {
	return serve(t, ecitest.Options{Profile: plainProfile(), Inventory: inventory(t, lines...)})
}

// web and its neighbours: 100 MB take 10 s.
var fleet = []string{"web:1 base:50 web:50", "web:2 base:50 web2:50", "api:1 base:50 api:50", "big:1 huge:9000", "tool:1 tool:20", "web:latest base:50 web:50"}
