package lab

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// congestion is the congestion control of what the registry sends: the same on all
// hosts, and most kernels' own.
const congestion = "cubic"

// What is not sent yet stays with the registry but for this much of the link's time,
// so that the time of its last byte says something; more than nothing, since the
// registry may have to wait for a core.
const (
	unsentTime = 20 * time.Millisecond
	minUnsent  = 128 << 10
	maxUnsent  = 4 << 20
)

// registryConfig listens for the registry; accepted connections inherit the option.
func registryConfig() net.ListenConfig {
	return net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		return socket.Control(func(fd uintptr) {
			// Where the kernel refuses, its own does.
			unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
		})
	}}
}

// boundUnsent bounds what the kernel takes of one of the registry's connections
// before it is sent: tcp(7), TCP_NOTSENT_LOWAT.
func boundUnsent(conn net.Conn, bytesPerSecond float64) {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	socket, err := s.SyscallConn()
	if err != nil {
		return // closed
	}
	bound := int(max(min(bytesPerSecond*unsentTime.Seconds(), maxUnsent), minUnsent))
	socket.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bound)
	})
}
