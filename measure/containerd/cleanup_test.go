//go:build linux

package containerd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimRoot+"="+root, "CACHEBENCH_TEST_WHEN="+program, "CACHEBENCH_TEST_IMAGES="+testImages(t).dir, "CACHEBENCH_TEST_DAEMON="+daemon)
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

	innocent := exec.Command("sleep", "60")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { innocent.Process.Kill(); innocent.Wait() }()
	alterMark(t, root, func(m *mark) { m.Daemons = append(m.Daemons, process{innocent.Process.Pid, 1}) })

	removed, err := CleanUp(t.Context(), root)
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
	if p, err := processOf(innocent.Process.Pid); err != nil || !p.alive() {
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
	// The daemon is in the lab's namespace, from where the registry on this host's
	// loopback is not reached; so this program pulls.
	r := ours()
	u := once(t, r, arm)[0]
	checkPull(t, b, &u, []int{0, 1, 2}, 0)
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
	if err := n.client.NamespaceService().Create(n.ctx(t.Context()), "cachebench", nil); err != nil {
		t.Fatal(err)
	}
	if r, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil {
		t.Error("a namespace that somebody else made was taken", r.Close())
	}
}
