package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// space is a network namespace without a name: it lives as long as the thread that
// made it, programs started in it, and its sockets and descriptors.
type space struct {
	thread *thread
	// own is the namespace, home the one that the process is in.
	own, home *os.File
	handle    *netlink.Handle

	mu     sync.Mutex // visits begin and open ends
	visits sync.WaitGroup
	open   context.Context // until close
	shut   context.CancelFunc
}

// newSpace makes a namespace, with loopback up.
func newSpace() (*space, error) {
	s := &space{thread: newThread()}
	s.open, s.shut = context.WithCancel(context.Background())
	if err := s.thread.do(s.make); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// make is run on the thread.
func (s *space) make() (err error) {
	const current = "/proc/thread-self/ns/net"
	if s.home, err = os.Open(current); err != nil {
		return fmt.Errorf("open the process's network namespace: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare a network namespace: %w", err)
	}
	if s.own, err = os.Open(current); err != nil {
		return fmt.Errorf("open the new network namespace: %w", err)
	}
	if s.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("speak netlink in the new network namespace: %w", err)
	}
	return s.up("lo")
}

func (s *space) up(name string) error {
	link, err := s.handle.LinkByName(name)
	if err == nil {
		err = s.handle.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("set link %s up: %w", name, err)
	}
	return nil
}

const bridgeName, interfaceName = "switch", "eth0"

// bridge makes this a switch.
func (s *space) bridge() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridgeName
	if err := s.handle.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("add a bridge: %w", err)
	}
	return s.up(bridgeName)
}

// plug gives another namespace an interface, wired to a port of this switch.
func (s *space) plug(other *space, port string) error {
	bridge, err := s.handle.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find the switch: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = port
	attrs.MasterIndex = bridge.Attrs().Index
	err = s.handle.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: interfaceName, PeerNamespace: netlink.NsFd(other.own.Fd())})
	if err != nil {
		return fmt.Errorf("add a pair of virtual interfaces: %w", err)
	}
	return s.up(port)
}

func (s *space) address(addr netip.Addr) error {
	link, err := s.handle.LinkByName(interfaceName)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", interfaceName, err)
	}
	ip := &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(subnetBits, addr.BitLen())}
	if err := s.handle.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
		return fmt.Errorf("give interface %s the address %s: %w", interfaceName, ip, err)
	}
	return s.up(interfaceName)
}

// do runs f on the namespace's own thread, one at a time: what f does must not wait
// for others.
func (s *space) do(f func() error) error { return s.thread.do(f) }

// dial connects from the namespace, on a thread that visits it: waits for answers
// over a busy link are long.
func (s *space) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	if !s.visit() {
		return nil, errClosed
	}
	defer s.visits.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.open, cancel)()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(int(s.own.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			err = fmt.Errorf("enter a node's network namespace: %w", err)
			return
		}
		var d net.Dialer
		d.SetMultipathTCP(false)
		conn, err = d.DialContext(ctx, network, addr)
		// A thread that cannot come back stays locked, and so ends here.
		if unix.Setns(int(s.home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return conn, err
}

// visit notes that the descriptors are in use; false once the space is closed.
func (s *space) visit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open.Err() != nil {
		return false
	}
	s.visits.Add(1)
	return true
}

// close lets go of the namespace; it is called once.
func (s *space) close() error {
	s.mu.Lock()
	s.shut()
	s.mu.Unlock()
	s.visits.Wait()
	s.thread.close()
	if s.handle != nil {
		s.handle.Close()
	}
	var err error
	for _, f := range []*os.File{s.own, s.home} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
