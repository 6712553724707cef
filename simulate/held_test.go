package simulate

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHeldImages: the image that goes is the one that a plain list, from which
// every use takes an image and to whose end every leave puts it, has first.
func TestHeldImages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heldImages
		users, idle, most := map[int]int{}, []int{}, 0
		takeOut := func(image int) { idle = slices.DeleteFunc(idle, func(x int) bool { return x == image }) }
		for range rapid.IntRange(0, 1000).Draw(t, "steps") {
			image := rapid.IntRange(0, 20).Draw(t, "image")
			if _, held := users[image]; held != h.has(image) {
				t.Fatalf("has(%d) is %v", image, !held)
			}
			switch n, held := users[image]; rapid.SampledFrom([]string{"use", "leave", "touch", "drop"}).Draw(t, "step") {
			case "use":
				if held {
					h.use(image)
				} else {
					h.add(image, true)
				}
				users[image]++
				takeOut(image)
			case "leave":
				if n == 0 {
					continue
				}
				h.leave(image)
				if users[image]--; n == 1 {
					idle = append(idle, image)
				}
			case "touch":
				if !held {
					h.add(image, false)
				} else {
					h.touch(image)
				}
				if users[image] = n; n == 0 {
					takeOut(image)
					idle = append(idle, image)
				}
			case "drop":
				got, ok := h.drop()
				if ok != (len(idle) > 0) || ok && got != idle[0] {
					t.Fatalf("drop() = %d, %v; idle are %v", got, ok, idle)
				}
				if ok {
					delete(users, got)
					idle = idle[1:]
				}
			}
			most = max(most, len(users))
			if h.count != len(users) || len(h.idle) > max(64, 2*most) {
				t.Fatalf("it counts %d images of %d and has %d records", h.count, len(users), len(h.idle))
			}
		}
	})
}
