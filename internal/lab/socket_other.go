//go:build !linux

package lab

import "net"

func registryConfig() net.ListenConfig { return net.ListenConfig{} }

func boundUnsent(net.Conn, float64) {}
