//go:build !linux

package lab

import "errors"

func newNamespaces(int) (fabric, error) {
	return nil, errors.New("only Linux has network namespaces")
}
