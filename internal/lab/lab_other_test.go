//go:build !linux

package lab

import "testing"

func needNamespaces(t *testing.T) { t.Skip("only Linux has network namespaces") }
