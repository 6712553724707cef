//go:build !linux

package main

import "errors"

// scanTree needs Linux: overlayfs, owners and capabilities.
func scanTree(string) ([]node, error) {
	return nil, errors.New("building images needs Linux")
}
