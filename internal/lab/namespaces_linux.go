package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
)

// The addresses are of the lab's own namespaces, which reach nothing else.
var registryAddr = netip.MustParseAddr("10.0.0.1")

const (
	subnetBits          = 16
	registryPort uint16 = 5000 // as registries in containers have it
)

// nodeAddr is 10.0.1.0 and up.
func nodeAddr(node int) netip.Addr {
	node += 1 << 8
	return netip.AddrFrom4([4]byte{10, 0, byte(node >> 8), byte(node)})
}

// namespaces is a fabric of network namespaces: the registry's, the switch's and
// one for each node.
//
//	registry eth0 (shaped) ── port ┤ switch ├ port ── eth0 node
type namespaces struct {
	registrySpace, switchSpace *space
	nodes                      []*space
	shaped                     *shaper
	listener                   net.Listener
}

// newNamespaces makes the whole network. On an error nothing is left of it.
func newNamespaces(nodes int) (_ fabric, err error) {
	n := &namespaces{}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.switchSpace, err = newSpace(); err != nil {
		return nil, err
	}
	if err := n.switchSpace.bridge(); err != nil {
		return nil, fmt.Errorf("make a switch for the lab: %w", err)
	}
	if n.registrySpace, err = n.connected(registryAddr, "registry"); err != nil {
		return nil, fmt.Errorf("give the registry a network of its own: %w", err)
	}
	for node := range nodes {
		s, err := n.connected(nodeAddr(node), fmt.Sprintf("node%d", node))
		if err != nil {
			return nil, fmt.Errorf("give node %d a network of its own: %w", node, err)
		}
		n.nodes = append(n.nodes, s)
	}
	if n.shaped, err = newShaper(n.registrySpace); err != nil {
		return nil, err
	}
	err = n.registrySpace.do(func() (err error) {
		n.listener, err = listenTCP(registryConfig(), netip.AddrPortFrom(registryAddr, registryPort).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in the registry's network: %w", err)
	}
	return n, nil
}

// connected makes a namespace with an interface that is plugged into the switch. It
// is closed again on an error.
func (n *namespaces) connected(addr netip.Addr, port string) (*space, error) {
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(n.switchSpace.plug(s, port), s.address(addr)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (n *namespaces) listeners() []net.Listener { return []net.Listener{n.listener} }

func (n *namespaces) registry(int) string { return n.listener.Addr().String() }

func (n *namespaces) nodeOf(conn net.Conn) int {
	from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	a := from.Addr().As4()
	return int(a[2])<<8 + int(a[3]) - 1<<8
}

func (n *namespaces) shape(bytesPerSecond float64) error { return n.shaped.set(bytesPerSecond) }

func (n *namespaces) listen(node int) (listener net.Listener, err error) {
	err = n.nodes[node].do(func() (err error) {
		listener, err = listenTCP(net.ListenConfig{}, "127.0.0.1:0")
		return err
	})
	return listener, err
}

func (n *namespaces) dial(ctx context.Context, node int, network, addr string) (net.Conn, error) {
	return n.nodes[node].dial(ctx, network, addr)
}

func (n *namespaces) start(node int, cmd *exec.Cmd) error {
	return n.nodes[node].thread.start(cmd)
}

func (n *namespaces) close() error {
	if n.listener != nil {
		n.listener.Close() // the server has closed it unless New failed
	}
	var err error
	for _, s := range append([]*space{n.registrySpace, n.switchSpace}, n.nodes...) {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return err
}
