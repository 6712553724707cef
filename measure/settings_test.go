package measure

import (
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// private is a base profile of another network than the experiment's own: TLS, logins,
// and blobs that are redirected.
func private(t *testing.T) *simulate.Profile {
	t.Helper()
	p, err := simulate.ReadProfile("private.yaml", []byte(`apiVersion: cachebench/v1
kind: Profile
name: private
base: containerd
network: {connectRoundTrips: 3, tokenRequests: 4, blobRequests: 2}
pull: {downloadScope: image, maxParallelPulls: 1, requestOrder: manifest, keepBlobs: false, slotRequests: false, reuseConnections: false}
unpack: {cores: 7}
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPullSettings: on whatever base, what is known of an arm is the arm's, and the rest
// is left to the base.
func TestPullSettings(t *testing.T) {
	arm := Arm{Name: "a", Starts: []Start{{Image: app}, {Image: app, Node: 1}}}
	of := func(s PullSettings) *simulate.Profile {
		t.Helper()
		f := newFake()
		f.settings = s.Of(&arm)
		setup, err := setupOf(&arm, f)
		if err != nil {
			t.Fatal(err)
		}
		p := private(t)
		if err := setup.Profile.Decode(p); err != nil {
			t.Fatal(err)
		}
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
		if l := &p.Pull; l.MaxParallelPulls.Value != 1000 || l.RequestOrder.Value != "race" || !l.KeepBlobs.Value || !l.SlotRequests.Value || !l.ReuseConnections.Value {
			t.Errorf("%+v pulls as %+v", s, l)
		}
		return p
	}

	own := of(PullSettings{OwnRegistry: true, Decoder: "pigz", Cores: 3})
	if n := &own.Network; n.ConnectRoundTrips.Value != 1 || n.TokenRequests.Value != 0 || n.BlobRequests.Value != 1 {
		t.Errorf("from a registry of the experiment's own: %+v", n)
	}
	if own.Pull.DownloadScope.Value != "daemon" || own.Unpack.Decoder.Value != "pigz" || own.Unpack.Cores.Value != 1.5 {
		t.Errorf("two nodes on 3 cores: %+v, %+v", own.Pull.DownloadScope, own.Unpack)
	}
	other := of(PullSettings{ByClient: true})
	if n := &other.Network; n.ConnectRoundTrips.Value != 3 || n.TokenRequests.Value != 4 || n.BlobRequests.Value != 2 {
		t.Errorf("from where the images are: %+v", n)
	}
	if other.Pull.DownloadScope.Value != "image" || other.Unpack.Cores.Value != 7 {
		t.Errorf("by a client, elsewhere: %+v, %+v", other.Pull.DownloadScope, other.Unpack.Cores)
	}
}
