//go:build linux

package containerd

import (
	"context"
	"net"

	"github.com/cachebench/cachebench/internal/lab"
)

// dialerOf connects from a node's network, or this host's where there is no lab.
func dialerOf(l *lab.Lab, node int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if l == nil {
		return new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return l.Dial(ctx, node, network, addr)
	}
}
