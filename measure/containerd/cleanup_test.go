//go:build linux

package containerd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
)

// victimRoot has the test binary run containers below a root until it is killed.
const victimRoot = "CACHEBENCH_TEST_VICTIM_ROOT"

// victim starts a container that never becomes ready, in a process that is killed
// meanwhile.
func victim(root string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("victim:", err)
			os.Exit(1)
		}
	}
	h, err := registry.Handler(host, os.DirFS(os.Getenv("CACHEBENCH_TEST_IMAGES")))
	fail(err)
	s, err := registry.Serve(h)
	fail(err)
	ctx := context.Background()
	inv, err := layers.Resolve(ctx, []string{web}, layers.Options{Aliases: map[string]string{host: s.Addr}, PlainHTTP: []string{s.Addr}})
	fail(err)
	opt := Options{Root: root, Registry: s.Addr, Inventory: inv, Binary: os.Getenv("CACHEBENCH_TEST_DAEMON")}
	if os.Getenv("CACHEBENCH_TEST_LAB") != "" {
		opt.Registry = ""
		opt.Lab, err = lab.New(ctx, h, lab.Options{})
		fail(err)
	}
	r, err := NewRunner(ctx, opt)
	fail(err)
	arm := &measure.Arm{Name: "victim", Starts: []measure.Start{{
		Image: web, Args: []string{"/program", "say", "up"}, Readiness: &measure.Readiness{By: measure.ReadyLog, Pattern: "never", Timeout: time.Hour},
	}}}
	fail(r.Prepare(ctx, arm))
	wanted := os.Getenv("CACHEBENCH_TEST_WHEN")
	go func() {
		for !runs(r.root.mark.Cgroup, wanted) {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("running", r.root.mark.Cgroup)
	}()
	_, err = r.Run(ctx, arm)
	fail(err)
	os.Exit(1)
}

// runs says whether a program runs in a container of the control group.
func runs(cgroup, program string) bool {
	return slices.ContainsFunc(processesIn(cgroup), func(dir string) bool {
		raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		return err == nil && strings.HasPrefix(string(raw), program)
	})
}

// processesIn are the processes in a control group and those below it.
func processesIn(cgroup string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(raw), "/"+cgroup+"/") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if p, err := processOf(pid); err == nil && p.alive() {
			found = append(found, filepath.Dir(file))
		}
	}
	return found
}

// TestCleanUpAfterKill: whether the container runs, or runc is at creating it. In a
// lab the daemon ends with the program that was killed, and what is left are shims.
func TestCleanUpAfterKill(t *testing.T) {
	for name, program := range map[string]string{"container": "/program", "creating": "runc"} {
		t.Run(name, func(t *testing.T) { killAndCleanUp(t, program, false) })
	}
	t.Run("container in a lab", func(t *testing.T) { killAndCleanUp(t, "/program", true) })
}

func killAndCleanUp(t *testing.T, program string, inLab bool) {
	daemon := daemonProgram(t)
	root := shortDir(t)
	// The user knows the place by another name than the kernel does.
	link := root + "-link"
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(link) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimRoot+"="+link, "CACHEBENCH_TEST_WHEN="+program, "CACHEBENCH_TEST_IMAGES="+testImages(t).dir, "CACHEBENCH_TEST_DAEMON="+daemon)
	if inLab {
		cmd.Env = append(cmd.Env, "CACHEBENCH_TEST_LAB=1")
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { CleanUp(context.Background(), root) }) // where the test ends early
	line, err := bufio.NewReader(out).ReadString('\n')
	cgroup, running := strings.CutPrefix(strings.TrimSpace(line), "running ")
	// While its owner runs it is left alone.
	if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err != nil {
		t.Errorf("a runner that runs was cleaned up: %v %v", removed, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !running {
		t.Fatalf("the program to be killed said %q, %v", line, err)
	}
	daemons := 1
	if inLab {
		daemons = 0
		for end := time.Now().Add(10 * time.Second); len(processesOf(root, "containerd")) > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	if got := processesOf(root, "containerd"); len(got) != daemons {
		t.Fatalf("%d daemons are left, want %d", len(got), daemons)
	}
	var socket string
	if program == "/program" {
		if len(processesWith(root)) < daemons+1 || !runs(cgroup, program) {
			t.Fatalf("a daemon, a shim and a container should have been left: %q, %v", processesWith(root), processesIn(cgroup))
		}
		socket = leftSocket(t, root)
	}

	innocent := sleeper(t)
	alterMark(t, root, func(m *mark) { m.Daemons = append(m.Daemons, process{innocent.PID, 1}, innocent) })

	removed, err := CleanUp(t.Context(), link)
	if err != nil || len(removed) != 1 {
		t.Errorf("cleaned up %v: %v", removed, err)
	}
	nothingLeft(t, root)
	if left := processesIn(cgroup); len(left) > 0 {
		t.Errorf("processes of containers are left: %v", left)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + cgroup); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	if _, err := os.Stat(socket); err == nil && socket != "" {
		t.Errorf("a shim's socket is left: %s", socket)
	}
	if !innocent.alive() {
		t.Errorf("a process with the number of one of ours was ended")
	}
	if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err != nil {
		t.Errorf("the second time: %v, %v", removed, err)
	}
}

// leftSocket is the one of the shim that is left.
func leftSocket(t *testing.T, root string) string {
	t.Helper()
	for _, name := range []string{"bootstrap.json", "address"} {
		files, _ := filepath.Glob(filepath.Join(root, "*", "*", "state", "io.containerd.runtime.v2.task", "*", "*", name))
		for _, file := range files {
			raw, _ := os.ReadFile(file)
			if path := socketIn(string(raw)); path != "" {
				return path
			}
		}
	}
	t.Fatal("no shim has a socket")
	return ""
}

func alterMark(t *testing.T, root string, change func(*mark)) {
	t.Helper()
	marks, _ := filepath.Glob(filepath.Join(root, "*", markName))
	m, err := readMark(filepath.Dir(marks[0]))
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	raw, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(marks[0], raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sleeper is a process that no runner started.
func sleeper(t *testing.T) process {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p, err := processOf(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlantedMarks: what somebody else wrote is not done: neither processes of a mark
// are ended nor sockets removed, and the directory stays.
func TestPlantedMarks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give directories away")
	}
	innocent := sleeper(t)
	for name, plant := range map[string]func(dir string) error{
		"of another user": func(dir string) error { return os.Chown(dir, 12345, 12345) },
		"open to all":     func(dir string) error { return os.Chmod(dir, 0o777) },
		"mark of another": func(dir string) error { return os.Chown(filepath.Join(dir, markName), 12345, 12345) },
		"mark by a symlink": func(dir string) error {
			at := filepath.Join(dir, markName)
			return errors.Join(os.Rename(at, at+".real"), os.Symlink(markName+".real", at))
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, rootPrefix+"x")
			bundle := filepath.Join(dir, "0", "state", "io.containerd.runtime.v2.task", "a", "b")
			if err := os.MkdirAll(bundle, 0o755); err != nil {
				t.Fatal(err)
			}
			raw, _ := json.Marshal(mark{Boot: bootID(), Owner: process{1 << 30, 1}, Daemons: []process{innocent}, Cgroup: "cachebench-x"})
			if err := os.WriteFile(filepath.Join(dir, markName), raw, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := plant(dir); err != nil {
				t.Fatal(err)
			}
			removed, err := CleanUp(t.Context(), root)
			if len(removed) > 0 || err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("removed %v, %v", removed, err)
			}
			if _, err := os.Stat(bundle); err != nil || !innocent.alive() {
				t.Errorf("it was obeyed: %v", err)
			}
		})
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := CleanUp(t.Context(), open); err == nil || !strings.Contains(err.Error(), "everybody can replace") {
		t.Errorf("in a directory that is open to all: %v", err)
	}
}

// TestCleanUpCut: what a killed process left that had no mark yet, or no more, is
// removed once it cannot be one that begins; the mark is the last that goes.
func TestCleanUpCut(t *testing.T) {
	root := t.TempDir()
	young, old, full := filepath.Join(root, rootPrefix+"young"), filepath.Join(root, rootPrefix+"old"), filepath.Join(root, rootPrefix+"full")
	before := time.Now().Add(-time.Hour)
	for _, dir := range []string{young, old, full} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{old, full} {
		if err := os.Chtimes(dir, before, before); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := CleanUp(t.Context(), root)
	if want, _ := realPath(root); !slices.Equal(removed, []string{filepath.Join(want, rootPrefix+"old")}) || err == nil || !strings.Contains(err.Error(), "remove it yourself") {
		t.Errorf("removed %v, %v", removed, err)
	}
	marked, err := newRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0/data/x", "zz"} {
		if err := os.MkdirAll(filepath.Join(marked.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := emptyRoot(marked.dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(marked.dir); err != nil || len(left) != 1 || left[0].Name() != markName {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := marked.mark.cleanUp(t.Context(), marked.dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(marked.dir); err == nil {
		t.Error("the directory is left")
	}
}

// TestCleanUpWithoutDaemon: a daemon of --address that is gone holds nobody up; what
// may still be in it is told, and found again once it serves.
func TestCleanUpWithoutDaemon(t *testing.T) {
	root := t.TempDir()
	stale := filepath.Join(root, "c.sock")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close() // and its file stays
	for _, address := range []string{stale, filepath.Join(root, "none.sock")} {
		r, err := newRoot(root)
		if err != nil {
			t.Fatal(err)
		}
		err = r.write(func(m *mark) { m.Owner, m.Address, m.Namespace = process{1 << 30, 1}, address, "ours" })
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(r.dir, "mounts"), 0o700); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		removed, err := CleanUp(t.Context(), root)
		if len(removed) > 0 || err == nil || !strings.Contains(err.Error(), "namespace ours may still be in it") {
			t.Errorf("removed %v, %v", removed, err)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		if left, _ := os.ReadDir(r.dir); len(left) != 1 || left[0].Name() != markName {
			t.Errorf("left are %v, want what tells of the namespace", left)
		}
		os.RemoveAll(r.dir)
	}
	if os.Geteuid() != 0 {
		return // NewRunner takes root
	}
	if _, err := NewRunner(t.Context(), Options{Address: stale, Inventory: &layers.Inventory{}, Root: root}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("a socket that nobody listens at: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, rootPrefix+"*")); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// TestCleanUpOfOthers: what is no runner's is not touched, and said.
func TestCleanUpOfOthers(t *testing.T) {
	root := t.TempDir()
	other, odd := filepath.Join(root, "other"), filepath.Join(root, rootPrefix+"odd")
	for _, dir := range []string{other, odd} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err == nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	for _, text := range []string{"{", `{"cgroup":""}`, `{"cgroup":"cachebench-/../x"}`, `{"cgroup":"system.slice"}`} {
		if err := os.WriteFile(filepath.Join(odd, markName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err == nil {
			t.Errorf("with %s: removed %v, %v", text, removed, err)
		}
	}
	for _, dir := range []string{other, odd} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestRunningDaemon: on a daemon that runs already only a namespace is used, and what
// others have there is in the way rather than taken.
func TestRunningDaemon(t *testing.T) {
	b := newBench(t)
	theirs := b.newRunner(t, Options{Namespace: "theirs"})
	socket := theirs.nodes[0].places.socket
	arm := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: web, PullOnly: true}}}
	if err := theirs.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	n := theirs.nodes[0]
	s, err := registry.Serve(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ours := func() *Runner {
		r, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t), Method: MethodClient})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := NewRunner(t.Context(), Options{Address: socket + ".not", Inventory: b.inventory}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no daemon's socket: %v", err)
	}
	if l := theirs.opt.Lab; l.Namespaces() {
		if _, err := NewRunner(t.Context(), Options{Address: socket, Inventory: b.inventory, Lab: l}); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("a running daemon is taken to be in a lab's namespace: %v", err)
		}
	}
	// The daemon is in the lab's namespace, from where the registry on this host's
	// loopback is not reached; so this program pulls.
	r := ours()
	u := once(t, r, arm)[0]
	checkPull(t, b, &u, []int{0, 1, 2}, 0)
	if doubts := r.Doubts(); len(doubts) != 1 || !strings.Contains(doubts[0], "limits and the decoder") {
		t.Errorf("doubts %q", doubts)
	}
	// A namespace belongs to one that runs, and cannot be had or removed by others.
	if second, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil || !strings.Contains(err.Error(), "a measurement that runs, process "+strconv.Itoa(os.Getpid())) {
		t.Error("a namespace that is in use was taken", err, second.Close())
	}
	dead := r.root.mark
	dead.Owner, dead.Address = process{1 << 30, 1}, socket
	if err := leaveDaemon(t.Context(), &dead); err != nil {
		t.Error(err)
	}
	if u := once(t, r, arm)[0]; u.Void != "" {
		t.Errorf("after another's clean-up: %s", u.Void)
	}
	// A manifest alone is reused too, and so are its round trips.
	put(t, n, b.manifest(t, s.Addr, web))
	if err := r.Prepare(t.Context(), arm); err == nil || !strings.Contains(err.Error(), "namespace theirs") {
		t.Errorf("another namespace's manifest was not seen: %v", err)
	}
	if err := n.reduce(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// The daemon is named though it is not its own, and so is the shim of a container.
	if pids := r.Processes(); !slices.Equal(pids, []int{theirs.nodes[0].daemon.process.PID}) {
		t.Errorf("the running daemon is process %d, and %v are named", theirs.nodes[0].daemon.process.PID, pids)
	}
	long := &measure.Arm{Name: "long", Starts: []measure.Start{{Image: web, Args: []string{"/program", "serve", "18085"}}}}
	if err := r.Prepare(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if pids := r.Processes(); len(pids) != 2 {
		t.Errorf("with a container %v are named, daemon and shim are to be", pids)
	}
	if err := r.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.pull(n.ctx(t.Context()), base, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Prepare(t.Context(), arm); err == nil || !strings.Contains(err.Error(), "namespace theirs") {
		t.Errorf("another namespace's content was not seen: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	names, err := n.client.NamespaceService().List(n.ctx(t.Context()))
	if err != nil || slices.Contains(names, "cachebench") || !slices.Contains(names, "theirs") {
		t.Errorf("namespaces afterwards: %v, %v", names, err)
	}
	// That of one that was killed is taken over.
	if err := n.client.NamespaceService().Create(n.ctx(t.Context()), "cachebench", map[string]string{ownLabel: dead.label()}); err != nil {
		t.Fatal(err)
	}
	if err := ours().Close(); err != nil {
		t.Error(err)
	}
	if err := n.client.NamespaceService().Create(n.ctx(t.Context()), "cachebench", nil); err != nil {
		t.Fatalf("the namespace was not removed: %v", err)
	}
	if r, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil {
		t.Error("a namespace that somebody else made was taken", r.Close())
	}
}
