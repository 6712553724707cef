package clusterhistory

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestWrite: the same seed gives the same bytes, each line is JSON, and what is told of a
// history is in it.
func TestWrite(t *testing.T) {
	for _, wrapped := range []bool{false, true} {
		write := func(seed uint64) (string, *Truth) {
			var b bytes.Buffer
			truth, err := Write(&b, Options{Seed: seed, Apps: 5, Nodes: 3, StartsPerDay: 200, Days: 2, Wrapped: wrapped})
			if err != nil {
				t.Fatal(err)
			}
			return b.String(), truth
		}
		text, truth := write(1)
		if again, _ := write(1); again != text {
			t.Error("not the same again")
		}
		if other, _ := write(2); other == text {
			t.Error("another seed gives the same")
		}
		made, lines := 0, 0
		for line := range bytes.Lines([]byte(text)) {
			lines++
			if !json.Valid(line) {
				t.Fatalf("%s", line)
			}
			if bytes.Contains(line, []byte("Created pod: ")) {
				made++
			}
		}
		starts := 0
		for _, a := range truth.Apps {
			starts += a.Starts
		}
		if made != starts || lines != truth.Events || int64(len(text)) != truth.Bytes {
			t.Errorf("%d starts, %d lines, %d bytes; told: %d, %d, %d", made, lines, len(text), starts, truth.Events, truth.Bytes)
		}
	}
	if _, err := Write(&bytes.Buffer{}, Options{}); err == nil {
		t.Error("a history without an end is taken")
	}
}
