// Package document stands in for a package whose comments are read.
package document

import "time"

// app is a set of images
// that start together.
type app struct {
	// Name is unique.
	Name    string
	Runtime time.Duration // from ready to the end
	// Both are means.
	PerDay, MemoryGiB float64
	Flash             bool
}

type (
	// A param is generic.
	param[T any] struct {
		// Value is the constant.
		Value T
	}
)
