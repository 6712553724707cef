package lab

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// forwarded gives both ends of a connection by way of a forwarder.
func forwarded(t *testing.T, s setting) (near, far *net.TCPConn) {
	t.Helper()
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = listenTCP(net.ListenConfig{}, "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listeners[i].Close() })
	}
	f := newForwarder(listeners[0], func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", listeners[1].Addr().String())
	})
	f.set(s)
	t.Cleanup(f.close)
	conn, err := net.Dial("tcp", listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listeners[1].Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far = conn.(*net.TCPConn), accepted.(*net.TCPConn)
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
}

// TestForward: both directions at once carry all bytes in order, more than is held on
// the way, and the end of one leaves the other open.
func TestForward(t *testing.T) {
	near, far := forwarded(t, setting{bytesPerSecond: 1e6, delay: 4 * time.Millisecond})
	var all sync.WaitGroup
	for _, ends := range [][2]*net.TCPConn{{near, far}, {far, near}} {
		all.Go(func() {
			for rest := content; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%70_001) // pieces of all sizes
				if _, err := ends[0].Write(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
			ends[0].CloseWrite()
		})
		all.Go(func() {
			got, err := io.ReadAll(ends[1])
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes came, %v; want %d", len(got), err, len(content))
			}
		})
	}
	all.Wait()
}

// TestForwardEnds: each way to end a connection reaches the other end, not at once.
func TestForwardEnds(t *testing.T) {
	const delay = 80 * time.Millisecond
	for _, test := range []struct {
		name  string
		end   func(*net.TCPConn)
		clean bool
	}{
		{"half", func(c *net.TCPConn) { c.CloseWrite() }, true},
		{"closed", func(c *net.TCPConn) { c.Close() }, true},
		{"reset", reset, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			near, far := forwarded(t, setting{bytesPerSecond: 1e9, delay: delay})
			begin := time.Now()
			test.end(far)
			n, err := near.Read(make([]byte, 1))
			if took := time.Since(begin); n > 0 || (err == io.EOF) != test.clean || took < delay/2-time.Millisecond {
				t.Errorf("the other end read %d bytes, %v, after %v", n, err, took)
			}
		})
	}
}

// TestForwardToNobody: a registry that is not there ends the connection.
func TestForwardToNobody(t *testing.T) {
	listener, err := listenTCP(net.ListenConfig{}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newForwarder(listener, func(context.Context) (net.Conn, error) { return nil, errClosed })
	defer f.close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return // it was ended before the system gave it
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from nobody", n)
	}
}

// TestForwardSlowReader: what is held for a reader that does not read is bounded.
func TestForwardSlowReader(t *testing.T) {
	near, far := forwarded(t, setting{bytesPerSecond: 1e6, delay: time.Millisecond})
	sent := make(chan int)
	go func() {
		total := 0
		far.SetWriteDeadline(time.Now().Add(time.Second))
		for {
			n, err := far.Write(content)
			if total += n; err != nil {
				sent <- total
				return
			}
		}
	}()
	// The kernel holds some too: at most 6 MiB to receive and 4 to send by default, in
	// each of two connections; here 32 MiB to receive.
	if total := <-sent; total > 120<<20 {
		t.Errorf("%d bytes were taken for a reader that reads nothing", total)
	}
	near.Close()
}
