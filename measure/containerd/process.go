//go:build linux

package containerd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a process that cannot be mistaken for a later one with its number.
type process struct {
	PID int `json:"pid"`
	// Start is when it started, in clock ticks since the host did (proc(5), stat,
	// field 22).
	Start uint64 `json:"start"`
}

// processOf identifies the process that runs under a number now.
func processOf(pid int) (process, error) {
	fields, err := statOf(pid)
	if err != nil {
		return process{}, err
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	return process{pid, start}, nil
}

// statOf returns the fields of /proc/PID/stat after the name, the state first.
func statOf(pid int) ([]string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name may hold anything, also brackets.
	end := bytes.LastIndexByte(raw, ')')
	fields := strings.Fields(string(raw[end+1:]))
	if end < 0 || len(fields) < 20 {
		return nil, fmt.Errorf("read /proc/%d/stat: %d fields", pid, len(fields))
	}
	return fields, nil
}

// alive says whether the process still runs.
func (p process) alive() bool {
	fields, err := statOf(p.PID)
	return err == nil && fields[0] != "Z" && fields[0] != "X" && fields[19] == strconv.FormatUint(p.Start, 10)
}

// signal sends a signal to this process and no other: os.FindProcess holds it by a
// descriptor before its start time is looked at.
func (p process) signal(s syscall.Signal) error {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return nil
	}
	defer handle.Release()
	if !p.alive() {
		return nil
	}
	if err := handle.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", p.PID, err)
	}
	return nil
}

// end asks the process to end, and ends it where it does not within a while.
func (p process) end(within time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if p.gone(within) {
		return nil
	}
	return p.kill()
}

func (p process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !p.gone(10 * time.Second) {
		return fmt.Errorf("process %d does not end, though it was killed", p.PID)
	}
	return nil
}

func (p process) gone(within time.Duration) bool {
	for until := time.Now().Add(within); p.alive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			return false
		}
	}
	return true
}

// servedBy is the process that listens on a socket; 0 where that cannot be told, as
// from another namespace of processes.
func servedBy(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return listener(pid)
}

// listener is the process that SO_PEERCRED names: the one that called listen(2), which
// with a systemd socket unit is systemd, whoever it gave the socket to (unix(7)). That
// is told by this process coming from it too: 0, for who serves is not known, and what
// all of its processes do is not the daemon's.
func listener(pid int) int {
	for ancestor := os.Getpid(); ancestor > 1; {
		fields, err := statOf(ancestor)
		if err != nil {
			break
		}
		if ancestor, err = strconv.Atoi(fields[1]); err != nil || ancestor == pid {
			return 0
		}
	}
	if pid == 1 {
		return 0
	}
	return pid
}

// pidNamespace names the namespace that numbers of processes are of here; no two that
// are there at once have one name.
func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "unknown"
	}
	return name
}

// bootID tells starts of the host apart, since process numbers and start times begin
// anew with each.
func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
