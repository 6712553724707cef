package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

// ParseFault reads a fault as people type it: its kind, then at=TIME, for=TIME,
// rate=RATE (of a slow registry) and node=NAME, each once, separated by spaces. Times
// and rates are written as in files:
//
//	registry-down at=60s for=2m
//	registry-slow at=1m for=10m rate=20MB/s
//	node-lost at=90s for=30s node=n1
func ParseFault(text string) (Fault, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Fault{}, fmt.Errorf("a fault is written as 'registry-down at=60s for=2m'")
	}
	f := Fault{Kind: words[0]}
	err := eachKey(words[1:], func(key, value string) (err error) {
		switch key {
		case "at":
			f.At, err = document.ParseTime(value)
		case "for":
			f.For, err = document.ParseTime(value)
		case "rate":
			var rate float64
			rate, err = document.ParseRate(value)
			f.Registry = network.Rate(rate)
		case "node":
			f.Node = value
		default:
			err = fmt.Errorf("there are at=TIME, for=TIME, rate=RATE and node=NAME")
		}
		return err
	})
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		return f, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

// eachKey calls do with the two sides of each word that is written key=value; a key
// stands once.
func eachKey(words []string, do func(key, value string) error) error {
	given := make(map[string]bool)
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if given[key] {
			return fmt.Errorf("%s: %s stands twice", word, key)
		}
		given[key] = true
		if err := do(key, value); err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	return nil
}

// String writes a fault as ParseFault reads it.
func (f Fault) String() string {
	words := []string{f.Kind, "at=" + f.At.String()}
	if f.For > 0 {
		words = append(words, "for="+f.For.String())
	}
	if f.Registry > 0 {
		words = append(words, "rate="+strconv.FormatFloat(float64(f.Registry)/1e6, 'f', -1, 64)+"MB/s")
	}
	if f.Node != "" {
		words = append(words, "node="+f.Node)
	}
	return strings.Join(words, " ")
}

// A Fault is something that goes wrong for a while. While the registry is down,
// transfers break off, and requests are refused, those under way when they would
// have been answered. A node that is lost begins again with what its class begins
// with.
type Fault struct {
	// Kind is registry-down, registry-slow or node-lost.
	Kind string `json:"kind" document:"required,enum=registry-down|registry-slow|node-lost"`
	// At is when it begins, since the window's beginning or the trace's; For is how
	// long it lasts.
	At  time.Duration `json:"atSeconds"`
	For time.Duration `json:"forSeconds,omitempty"`
	// Registry is the egress of a slow registry, for all nodes.
	Registry network.Rate `json:"registryBytesPerSecond,omitempty"`
	// Node is the name of the node that is lost, as the trace has it, or that of a
	// pool's node, pool/1; For is how long it takes until its starts are made again,
	// on an empty node in its place.
	Node string `json:"node,omitempty"`
}

// faultKinds are what can go wrong.
var faultKinds = []string{"registry-down", "registry-slow", "node-lost"}

// Validate refuses a fault that cannot be.
func (f *Fault) Validate() error {
	switch {
	case f.At < 0 || f.For < 0:
		return document.At("atSeconds", "a fault's times cannot be negative (at %v, for %v)", f.At, f.For)
	case f.At > longest || f.For > longest:
		return document.At("atSeconds", "a fault's times cannot be longer than %v (at %v, for %v)", longest, f.At, f.For)
	case !slices.Contains(faultKinds, f.Kind):
		return document.At("kind", "%s", document.NoneOf(f.Kind, faultKinds...))
	case f.Kind == "registry-slow" && !(f.Registry >= 1 && f.Registry < network.Unlimited):
		return document.At("registryBytesPerSecond", "a slow registry needs a rate of a byte per second or more: what it sends to all nodes together")
	case f.Kind == "node-lost" && f.Node == "":
		return document.At("node", "which node is lost? name it as the trace does, or as pool/1")
	case f.Kind != "registry-slow" && f.Registry != 0:
		return document.At("registryBytesPerSecond", "belongs to registry-slow, not to %s", f.Kind)
	case f.Kind != "node-lost" && f.Node != "":
		return document.At("node", "belongs to node-lost, not to %s", f.Kind)
	case f.For == 0 && strings.HasPrefix(f.Kind, "registry-"):
		return document.At("forSeconds", "for how long is the registry so? give a time above 0")
	}
	return nil
}
