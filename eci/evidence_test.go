package eci_test

import (
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestPulledImage reads the shapes of eci §3.2 and §1.12.
func TestPulledImage(t *testing.T) {
	for _, test := range []struct {
		message string
		want    eci.PulledImage
		none    bool
	}{
		{`Successfully pulled image "apache/spark:3.5.0" in 1m41.289s (1m41.289s including waiting)`,
			eci.PulledImage{Image: "apache/spark:3.5.0", Took: ptr(101289 * time.Millisecond), WithWaiting: ptr(101289 * time.Millisecond)}, false},
		{`Successfully pulled image "busybox:latest" in 1.544009294s`, eci.PulledImage{Image: "busybox:latest", Took: ptr(1544009294 * time.Nanosecond)}, false},
		{`Successfully pulled image "a/b@sha256:12" in 642ms (2.5s including waiting). Image size: 38457478 bytes.`,
			eci.PulledImage{Image: "a/b@sha256:12", Took: ptr(642 * time.Millisecond), WithWaiting: ptr(2500 * time.Millisecond), SizeBytes: ptr(int64(38457478))}, false},
		{`Container image "nginx:1.25" already present on machine`, eci.PulledImage{Image: "nginx:1.25", AlreadyPresent: true}, false},
		{`Container image "nginx:1.25" already present on machine and can be accessed by the pod`, eci.PulledImage{Image: "nginx:1.25", AlreadyPresent: true}, false},
		{`Successfully pulled image "in 5s" in 1s`, eci.PulledImage{Image: "in 5s", Took: ptr(time.Second)}, false},
		{`Successfully pulled image "x" in a while`, eci.PulledImage{Image: "x"}, false},
		{`Successfully pulled it`, eci.PulledImage{}, true},
	} {
		got, is := eci.Event{Reason: "pulled", Message: test.message, FirstAt: noon, LastAt: after(3)}.PulledImage()
		if !test.none {
			test.want.At = after(3)
		}
		if is == test.none {
			t.Errorf("%s: %v", test.message, is)
		}
		differs(t, got, test.want)
	}
	if _, is := (eci.Event{Reason: "Pulling", Message: `Pulling image "x"`}).PulledImage(); is {
		t.Error("an image that is being pulled is taken for one that was")
	}
}

// TestEvidence: a partial hit, in the order of time whatever that of the list.
func TestEvidence(t *testing.T) {
	events := []eci.Event{
		{Reason: "Started", Message: "Started container app", FirstAt: after(40)},
		{Reason: "Pulled", Message: `Successfully pulled image "b:1" in 12s (12s including waiting)`, FirstAt: after(33), LastAt: after(33)},
		{Reason: "Pulled", Message: `Container image "a:1" already present on machine`, FirstAt: after(20), LastAt: after(20)},
		{Reason: "Pulling", Message: `Pulling image "b:1"`, FirstAt: after(21)},
		{Reason: "ImageCacheAutoCreated", Message: "[eci.imagecache]Image cache imc-bp1NEW is auto created", LastAt: after(2)},
		{Reason: "successfulHitImageCache", Message: "[eci.imagecache]Successfully hit image cache imc-bp1old, eci will be scheduled with this image cache.", LastAt: after(1)},
		{Type: "Warning", Reason: "NoStock", Message: "no stock", LastAt: after(3)},
	}
	got := eci.ReadEvidence(events)
	differs(t, got, eci.Evidence{Hit: true, HitCacheID: "imc-bp1old", AutoCreated: true, AutoCreatedID: "imc-bp1NEW",
		Pulled: []eci.PulledImage{{Image: "a:1", AlreadyPresent: true, At: after(20)},
			{Image: "b:1", Took: ptr(12 * time.Second), WithWaiting: ptr(12 * time.Second), At: after(33)}},
		Troubles: []eci.Event{events[6]}})
	if events[0].Reason != "Started" {
		t.Error("the caller's events were sorted")
	}
	differs(t, eci.ReadEvidence([]eci.Event{{Reason: "ImageCacheMissed"}, {Reason: "ImageCacheNotFound"}, {Reason: "ImageCacheNotComplete"}}),
		eci.Evidence{Missed: true, CacheNotFound: true, CacheIncomplete: true})
	// An event that names no cache is one, and takes no name away.
	unnamed := []eci.Event{{Reason: eci.ReasonCacheHit, Message: "hit", LastAt: after(5)}, {Reason: eci.ReasonCacheAutoCreated, LastAt: after(6)}}
	differs(t, eci.ReadEvidence(unnamed), eci.Evidence{Hit: true, AutoCreated: true})
	differs(t, eci.ReadEvidence(append(unnamed, events[4:6]...)), eci.Evidence{Hit: true, HitCacheID: "imc-bp1old", AutoCreated: true, AutoCreatedID: "imc-bp1NEW"})
	if image, is := events[3].PullingImage(); image != "b:1" || !is {
		t.Errorf("%q, %v", image, is)
	}
	if name, is := events[0].Container(); name != "app" || !is {
		t.Errorf("%q, %v", name, is)
	}
}
