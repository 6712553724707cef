package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const role = "LAB_TEST_ROLE"

// TestMain lets the test binary be a program on a node.
func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "true":
	case "look":
		look()
	case "linger":
		fmt.Println("here")
		time.Sleep(time.Minute)
	case "lab":
		l, err := New(context.Background(), http.NotFoundHandler(), Options{Nodes: 2})
		fmt.Println(l.Words(), err)
		for node, deathsig := range []syscall.Signal{syscall.SIGKILL, 0} {
			cmd := program("linger")
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: deathsig}
			err := l.Start(node, cmd)
			fmt.Println(cmd.Process.Pid, err)
		}
		time.Sleep(time.Minute)
	}
}

// program is this test binary in a role.
func program(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// needNamespaces skips a test where the kernel refuses network namespaces to any
// program.
func needNamespaces(t *testing.T) {
	t.Helper()
	if err := refusal(); err != nil {
		t.Skipf("this system refuses network namespaces: %v", err)
	}
}

func refusal() error {
	cmd := program("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return cmd.Run()
}

// TestRefused: where there can be no namespaces, a lab is on loopback and says why.
func TestRefused(t *testing.T) {
	if refusal() == nil {
		t.Skip("this system refuses nothing to this user")
	}
	l, err := New(t.Context(), http.HandlerFunc(answer), Options{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Namespaces() || !errors.Is(l.WhyLoopback(), os.ErrPermission) || l.Words() != "loopback, paced" {
		t.Errorf("namespaces: %v, %v; %s", l.Namespaces(), l.WhyLoopback(), l.Words())
	}
	get(t, l, 1, 1000)
}

// look prints the addresses of a program's network.
func look() {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		fmt.Println(err)
	}
	for _, a := range addrs {
		if ip := a.(*net.IPNet); ip.IP.To4() != nil {
			fmt.Println(ip)
		}
	}
}

// TestStart: a program sees its node's network alone.
func TestStart(t *testing.T) {
	l := newLab(t, Options{Nodes: 2})
	for node, want := range []string{"127.0.0.1/8\n10.0.1.0/16\n", "127.0.0.1/8\n10.0.1.1/16\n"} {
		var out strings.Builder
		cmd := program("look")
		cmd.Stdout = &out
		if err := l.Start(node, cmd); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || out.String() != want {
			t.Errorf("node %d: %v, %q, want %q", node, err, out.String(), want)
		}
	}
}

// TestPdeathsig: a program lives as long as the lab, however threads come and go.
func TestPdeathsig(t *testing.T) {
	inModes(t, 1, func(t *testing.T, l *Lab) {
		cmd := program("linger")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Start(0, cmd); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
			t.Fatalf("the program said %q, %v", line, err)
		}
		for range 20 {
			done := make(chan struct{})
			go func() {
				runtime.LockOSThread() // ends with the goroutine
				close(done)
			}()
			<-done
		}
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the program has ended: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		var ended *exec.ExitError
		if err := cmd.Wait(); err == nil || !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("after the lab the program ended with %v", err)
		}
	})
}

// TestNothingLeft: neither links nor descriptors nor threads in other namespaces are
// left, also when a lab could not be made.
func TestNothingLeft(t *testing.T) {
	needNamespaces(t)
	links, files := hostLinks(t), openFiles(t)
	for range 2 {
		l := newLab(t, Options{Nodes: 3})
		setLink(t, l, 1e8, time.Millisecond)
		get(t, l, 2, 100_000)
		if got := hostLinks(t); !slices.Equal(got, links) {
			t.Errorf("with a lab the host has the links %v, without %v", got, links)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, links)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = uint64(unused(t, 40))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	_, err := New(t.Context(), http.NotFoundHandler(), Options{Nodes: 50})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("a lab was made with too few descriptors")
	}
	nothingLeft(t, links)
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "descriptors are left", func() bool { return len(openFiles(t)) <= len(files)+1 })
}

func nothingLeft(t *testing.T, links []string) {
	t.Helper()
	if got := hostLinks(t); !slices.Equal(got, links) {
		t.Errorf("after a lab the host has the links %v, before %v", got, links)
	}
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "threads are left in other namespaces", func() bool {
		for _, ns := range namespacesOf(t, "/proc/self/task/*/ns/net") {
			if ns != home {
				return false
			}
		}
		return true
	})
}

// TestKilled: of a lab whose process is killed nothing is left but the namespaces of
// programs that outlive it: those that were not started to die with it.
func TestKilled(t *testing.T) {
	needNamespaces(t)
	cmd := program("lab")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	var pids [2]int
	for node := range pids {
		if _, err := fmt.Fscanln(said, &pids[node], new(string)); err != nil {
			t.Errorf("program %d: %v", node, err)
		}
	}
	made := namespacesOf(t, fmt.Sprintf("/proc/%d/task/*/ns/net", cmd.Process.Pid))
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil || !strings.HasPrefix(line, "network namespaces") || len(made) != 5 || pids[0] == 0 || pids[1] == 0 {
		t.Fatalf("the program said %q, %v; its threads are in %v, its programs are %v", line, err, made, pids)
	}
	outliving, err := os.FindProcess(pids[1])
	if err != nil {
		t.Fatal(err)
	}
	defer outliving.Kill()
	kept, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pids[1]))
	if err != nil || !slices.Contains(made, kept) {
		t.Fatalf("the program that outlives the lab is in namespace %s, %v", kept, err)
	}
	left := func() (list []string) {
		for _, ns := range namespacesOf(t, "/proc/*/ns/net") {
			if slices.Contains(made, ns) && ns != homeNamespace(t) {
				list = append(list, ns)
			}
		}
		return list
	}
	eventually(t, "processes are left in namespaces of the lab", func() bool { return slices.Equal(left(), []string{kept}) })
	if err := outliving.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace outlives its last program", func() bool { return len(left()) == 0 })
}

func homeNamespace(t *testing.T) string {
	t.Helper()
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// namespacesOf lists the namespaces that the links name, each once.
func namespacesOf(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		if ns, err := os.Readlink(name); err == nil { // threads end meanwhile
			all = append(all, ns)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func hostLinks(t *testing.T) []string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	slices.Sort(names)
	return names
}

// unused is the descriptor before which so many are free.
func unused(t *testing.T, free int) int {
	open := openFiles(t)
	fd := 0
	for ; free > 0; fd++ {
		if !slices.Contains(open, fd) {
			free--
		}
	}
	return fd
}

func openFiles(t *testing.T) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	for _, e := range entries {
		var fd int
		fmt.Sscan(e.Name(), &fd)
		fds = append(fds, fd)
	}
	return fds
}
