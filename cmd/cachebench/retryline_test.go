//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// terminal is a terminal to write to, and what gives all that was written to it.
func terminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip("no terminals here:", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	// Not its own: the test's process may have none, and must not get this one.
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	var written bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(&written, master) // ends when nobody has the other side any more
	}()
	return slave, func() string {
		slave.Close()
		<-done
		return written.String()
	}
}

// TestRetryLineOfCommands: who waits at a terminal is told why calls are made again,
// unless it is to be quiet.
func TestRetryLineOfCommands(t *testing.T) {
	restoreEnvironment(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for name, test := range map[string]struct {
		action string
		args   []string
		told   bool
	}{
		"wait":          {"DescribeImageCaches", []string{"cache", "wait", "web"}, true},
		"delete":        {"DescribeImageCaches", []string{"cache", "delete", "web", "--yes"}, true},
		"delete quiet":  {"DescribeImageCaches", []string{"cache", "delete", "web", "--yes", "--quiet"}, false},
		"measure":       {"CreateContainerGroup", []string{"measure", "eci", "web:1", "--arms", "cold", "--repeats", "1", "--yes", "--virtual-time", "--poll", "20s"}, true},
		"measure quiet": {"CreateContainerGroup", []string{"measure", "eci", "web:1", "--arms", "cold", "--repeats", "1", "--yes", "--virtual-time", "--poll", "20s", "--quiet"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := newAccount(t)
			defer server.Close()
			if _, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}}); err != nil {
				t.Fatal(err)
			}
			server.Advance(3600e9)
			server.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: test.action, Kind: ecitest.FaultError, Status: 503, Count: 1}}})
			for name, value := range accountEnvironment(server) {
				t.Setenv(name, value)
			}
			to, written := terminal(t)
			if code := run(context.Background(), test.args, strings.NewReader(""), io.Discard, to); code != exitDone {
				t.Errorf("exit code %d", code)
			}
			if all := written(); strings.Contains(all, test.action+" is asked again in ") != test.told {
				t.Errorf("told: %v of %q", !test.told, all)
			}
		})
	}
}
