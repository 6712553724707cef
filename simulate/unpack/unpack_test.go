package unpack

import (
	"math"
	"testing"
	"time"
)

func costs(cores, disk float64) Costs {
	return Costs{Layer: 10 * time.Millisecond, File: time.Millisecond, Cores: cores, DiskBytesPerSecond: disk}
}

// TestAlone: 10 ms a layer, 100 files of 1 ms, and the slower of decoding 200 MB
// at 100 MB/s (2 s) and writing it.
func TestAlone(t *testing.T) {
	layer := Layer{UnpackedBytes: 200e6, Files: 100, DecodeBytesPerSecond: 100e6}
	for _, test := range []struct {
		name string
		disk float64
		want time.Duration
	}{
		{"core-bound", math.Inf(1), 2110 * time.Millisecond},
		{"disk-bound", 50e6, 4110 * time.Millisecond},
	} {
		c := costs(1, test.disk)
		if got := c.Alone(layer); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	c := costs(1, math.Inf(1))
	if got, want := c.Alone(Layer{UnpackedBytes: 1e9, DecodeBytesPerSecond: math.Inf(1)}), 10*time.Millisecond; got != want {
		t.Errorf("uncompressed on an unlimited disk: %v, want %v", got, want)
	}
}

// TestSharing: two like layers of 1 s on one core take 2 s together; on two
// cores with a disk that carries one and a half of them, 1.333… s.
func TestSharing(t *testing.T) {
	layer := Layer{UnpackedBytes: 100e6, DecodeBytesPerSecond: 100e6}
	for _, test := range []struct {
		name        string
		cores, disk float64
		want        time.Duration
	}{
		{"two cores", 2, math.Inf(1), time.Second},
		{"one core", 1, math.Inf(1), 2 * time.Second},
		{"short disk", 2, 150e6, 1333333333 * time.Nanosecond},
	} {
		n := NewNode(&Costs{Cores: test.cores, DiskBytesPerSecond: test.disk})
		n.Start(0, layer, 1)
		n.Start(0, layer, 2)
		id, at, ok := n.Next()
		if !ok || at != test.want {
			t.Errorf("%s: first ends at %v, want %v", test.name, at, test.want)
		}
		n.Finish(at, id)
		if _, at, _ := n.Next(); at < test.want || at > test.want+time.Nanosecond {
			t.Errorf("%s: second ends at %v, want %v", test.name, at, test.want)
		}
	}
}

// TestJoinAndLeave: on one core, a layer of 1 s runs alone for 0.5 s, shares
// with another of 1 s for 1 s (0.5 s of work each) and ends at 1.5 s; the other
// has 0.5 s left and ends at 2 s.
func TestJoinAndLeave(t *testing.T) {
	layer := Layer{UnpackedBytes: 100e6, DecodeBytesPerSecond: 100e6}
	n := NewNode(&Costs{Cores: 1, DiskBytesPerSecond: math.Inf(1)})
	const first, second = 1, 2
	n.Start(0, layer, first)
	n.Start(500*time.Millisecond, layer, second)
	id, at, _ := n.Next()
	if id != first || at != 1500*time.Millisecond {
		t.Fatalf("task %d ends at %v, want %d at 1.5s", id, at, first)
	}
	n.Finish(at, id)
	if id, at, _ := n.Next(); id != second || at != 2*time.Second {
		t.Fatalf("task %d ends at %v, want %d at 2s", id, at, second)
	}
}

// TestFetching: a layer of 1 s alone, on 1 core of which transfers of 100 MB/s take
// half for the first second, for a core takes in 200 MB/s: half of it is done by
// then, the rest takes half a second more. On a disk that loses half its speed, a layer that
// needs all of it takes twice as long.
func TestFetching(t *testing.T) {
	layer := Layer{UnpackedBytes: 100e6, DecodeBytesPerSecond: 100e6}
	n := NewNode(&Costs{Cores: 1, DiskBytesPerSecond: math.Inf(1), FetchBytesPerSecond: 200e6})
	n.Fetching(0, true, 100e6)
	n.Start(0, layer, 1)
	if _, at, _ := n.Next(); at != 2*time.Second {
		t.Errorf("beside transfers it ends at %v, want 2s", at)
	}
	n.Fetching(time.Second, false, 0)
	if _, at, _ := n.Next(); at != 1500*time.Millisecond {
		t.Errorf("after them it ends at %v, want 1.5s", at)
	}
	n = NewNode(&Costs{Cores: 1, DiskBytesPerSecond: 100e6, FetchBytesPerSecond: math.Inf(1), FetchDiskFraction: 0.5})
	n.Fetching(0, true, 100e6)
	n.Start(0, layer, 1)
	if _, at, _ := n.Next(); at != 2*time.Second {
		t.Errorf("on half the disk it ends at %v, want 2s", at)
	}
}

// TestHardlyAnyCore: on so small a share of a core that a transfer leaves none, a
// layer that takes no time ends now, another far from the end of time.Duration.
func TestHardlyAnyCore(t *testing.T) {
	n := NewNode(&Costs{Cores: 5e-324, DiskBytesPerSecond: math.Inf(1), FetchBytesPerSecond: 100e6})
	n.Fetching(0, true, 100e6)
	n.Start(time.Second, Layer{DecodeBytesPerSecond: 1}, 1)
	if _, at, _ := n.Next(); at != time.Second {
		t.Errorf("a layer without bytes ends at %v, want 1s", at)
	}
	n.Finish(time.Second, 1)
	n.Start(time.Second, Layer{UnpackedBytes: 1, DecodeBytesPerSecond: 1}, 2)
	if _, at, _ := n.Next(); at < 1000*time.Hour {
		t.Errorf("a layer of a second on no core ends at %v", at)
	}
}
