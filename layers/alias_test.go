package layers

import "testing"

// TestAliasesOfOneRegistry: docker.io and index.docker.io are one registry; which
// of two aliases for it counts does not depend on the order of a map.
func TestAliasesOfOneRegistry(t *testing.T) {
	n, err := ParseName("nginx:1")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		aliases := map[string]string{"index.docker.io": "b.example", "docker.io": "a.example"}
		if got := n.At(aliases).Registry; got != "a.example" {
			t.Fatalf("the name is at %s, want a.example", got)
		}
	}
}
