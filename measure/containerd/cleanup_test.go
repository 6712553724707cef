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
	wanted, timeout := os.Getenv("CACHEBENCH_TEST_WHEN"), time.Hour
	if wanted == "runc" {
		timeout = time.Second // which may be missed on a busy machine, and comes again
	}
	arm := &measure.Arm{Name: "victim", Starts: []measure.Start{{
		Image: web, Args: []string{"/program", "say", "up"}, Readiness: &measure.Readiness{By: measure.ReadyLog, Pattern: "never", Timeout: timeout},
	}}}
	go func() {
		for !runs(r.root.mark.Cgroup, wanted) {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("running", r.root.mark.Cgroup)
	}()
	for {
		fail(r.Prepare(ctx, arm))
		_, err = r.Run(ctx, arm)
		fail(errors.Join(err, r.Finish(ctx)))
	}
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
	if len(marks) != 1 {
		t.Fatalf("there are the marks %v", marks)
	}
	dir, err := os.OpenRoot(filepath.Dir(marks[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	m, err := readMark(dir)
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
			dir := abandoned(t, root, func(m *mark) { m.Daemons = []process{innocent} })
			bundle := filepath.Join(dir, "0", "state", "io.containerd.runtime.v2.task", "a", "b")
			if err := os.MkdirAll(bundle, 0o755); err != nil {
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
	abandoned(t, open, func(*mark) {})
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := CleanUp(t.Context(), open); err == nil || !strings.Contains(err.Error(), "everybody can replace") {
		t.Errorf("in a directory that is open to all: %v", err)
	}
}

// abandoned makes what a runner leaves that is killed before it made anything but its
// mark, and returns its directory.
func abandoned(t *testing.T, parent string, change func(*mark)) string {
	t.Helper()
	r, err := newRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if err := r.write(change); err != nil {
		t.Fatal(err)
	}
	return r.dir
}

// TestCleanUpCut: what a killed process left that had no mark yet, or no more, is
// removed, unless something is there that a mark should tell of.
func TestCleanUpCut(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		bad   bool
	}{
		"nothing": {nil, false}, "half a mark": {[]string{newMarkName}, false}, "something": {[]string{"something"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			d, err := rootKind.Make(root)
			if err != nil {
				t.Fatal(err)
			}
			dir := d.Path
			d.Release()
			for _, file := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte("{"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			removed, err := CleanUp(t.Context(), root)
			if c.bad && (err == nil || len(removed) > 0 || !strings.Contains(err.Error(), "remove it yourself")) {
				t.Errorf("removed %v, %v", removed, err)
			}
			if !c.bad && (err != nil || !slices.Equal(removed, []string{dir})) {
				t.Errorf("removed %v, %v", removed, err)
			}
			if _, err := os.Stat(dir); (err == nil) != c.bad {
				t.Error(err)
			}
		})
	}
}

// TestCleanUpInUse: a runner's directory is in use while its lock is held, also where
// no process of its number is to be seen: containers share a volume, and not their
// processes.
func TestCleanUpInUse(t *testing.T) {
	root := t.TempDir()
	r, err := newRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if err := r.write(func(m *mark) { m.Owner = process{1 << 30, 1} }); err != nil {
		t.Fatal(err)
	}
	if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err != nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, markName)); err != nil {
		t.Error(err)
	}
}

// TestCleanUpElsewhere: what a runner left in another container cannot be ended from
// here, and its directory is not removed below it; after a restart of the host nothing
// of it runs.
func TestCleanUpElsewhere(t *testing.T) {
	root := t.TempDir()
	dir := abandoned(t, root, func(m *mark) { m.PIDNamespace = "pid:[1]" })
	removed, err := CleanUp(t.Context(), root)
	if len(removed) > 0 || err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another container") {
		t.Errorf("removed %v, %v", removed, err)
	}
	if _, err := os.Stat(filepath.Join(dir, markName)); err != nil {
		t.Error(err)
	}
	alterMark(t, root, func(m *mark) { m.Boot = "another" })
	if removed, err := CleanUp(t.Context(), root); err != nil || !slices.Equal(removed, []string{dir}) {
		t.Errorf("removed %v, %v", removed, err)
	}
}

// TestCloseSwapped: what somebody puts in the place of a runner's directory is not
// emptied at its end.
func TestCloseSwapped(t *testing.T) {
	parent, victim := t.TempDir(), t.TempDir()
	root, err := newRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(victim, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root.dir, filepath.Join(parent, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, root.dir); err != nil {
		t.Fatal(err)
	}
	if err := (&Runner{root: root}).Close(); err == nil || !strings.Contains(err.Error(), "in the place of "+root.dir) {
		t.Errorf("it is not told of: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

// TestCloseMade: a directory that was made for the runner's goes with it.
func TestCloseMade(t *testing.T) {
	there := t.TempDir()
	root, err := newRoot(filepath.Join(there, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root.dir, "0", "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (&Runner{root: root}).Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(there); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestLeftBehind: a namespace is taken over from a runner that does not live, and from
// none of which that cannot be told.
func TestLeftBehind(t *testing.T) {
	self, err := processOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dead := process{1 << 30, 1}
	for name, c := range map[string]struct {
		mark mark
		want string
	}{
		"dead":          {mark{Boot: bootID(), PIDNamespace: pidNamespace(), Owner: dead}, ""},
		"alive":         {mark{Boot: bootID(), PIDNamespace: pidNamespace(), Owner: self}, "process " + strconv.Itoa(os.Getpid())},
		"elsewhere":     {mark{Boot: bootID(), PIDNamespace: "pid:[1]", Owner: dead}, "cannot be told from here"},
		"before a boot": {mark{Boot: "another", PIDNamespace: "pid:[1]", Owner: self}, ""},
	} {
		c.mark.Cgroup = "cachebench-x"
		if err := leftBehind(c.mark.label()); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, label := range []string{"yes", bootID() + " 1073741824 1 cachebench-x", bootID() + " x 1 cachebench-x pid:[1]"} {
		if err := leftBehind(label); err == nil {
			t.Errorf("%q is taken for one of ours", label)
		}
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
		if err := r.write(func(m *mark) { m.Address, m.Namespace = address, "ours" }); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(r.dir, "mounts"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.Release()
		begin := time.Now()
		removed, err := CleanUp(t.Context(), root)
		if len(removed) > 0 || err == nil || !strings.Contains(err.Error(), "namespace ours may still be in it") {
			t.Errorf("removed %v, %v", removed, err)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		if left, _ := os.ReadDir(r.dir); len(left) != 2 || left[0].Name() != markName || left[1].Name() != rootKind.Marker {
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
	odd, other := abandoned(t, root, func(*mark) {}), filepath.Join(root, "other")
	if err := os.MkdirAll(filepath.Join(other, rootPrefix+"x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{", `{"cgroup":""}`, `{"cgroup":"cachebench-/../x"}`, `{"cgroup":"system.slice"}`} {
		if err := os.WriteFile(filepath.Join(odd, markName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if removed, err := CleanUp(t.Context(), root); len(removed) > 0 || err == nil || !strings.Contains(err.Error(), odd) {
			t.Errorf("with %s: removed %v, %v", text, removed, err)
		}
	}
	for _, dir := range []string{other, odd} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseAfterDaemon: where a daemon has died meanwhile, with a container that runs,
// all goes nevertheless, and nothing is told to be left.
func TestCloseAfterDaemon(t *testing.T) {
	b := newBench(t)
	r := b.onHost(t, Options{Binary: daemonProgram(t)})
	arm := &measure.Arm{Name: "long", Starts: []measure.Start{{Image: web, Args: []string{"/program", "say", "up"}, Readiness: &measure.Readiness{By: measure.ReadyOutput}}}}
	if err := r.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	if list, err := r.Run(t.Context(), arm); err != nil || list[0].Void != "" {
		t.Fatal(err, list)
	}
	if err := r.nodes[0].daemon.process.kill(); err != nil {
		t.Fatal(err)
	}
	begin, cgroup := time.Now(), r.root.mark.Cgroup
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if left := processesIn(cgroup); len(left) > 0 {
		t.Errorf("processes of containers are left: %v", left)
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
	if doubts := r.Doubts(); len(doubts) != 1 || !strings.Contains(doubts[0], "limits, the decoder and the cores") {
		t.Errorf("doubts %q", doubts)
	}
	// A namespace belongs to one that runs, and cannot be had or removed by others.
	if second, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil || !strings.Contains(err.Error(), "a measurement that runs, process "+strconv.Itoa(os.Getpid())) {
		t.Error("a namespace that is in use was taken", err, second.Close())
	}
	dead := r.root.mark
	dead.Owner, dead.Address = process{1 << 30, 1}, socket
	elsewhere := dead
	elsewhere.PIDNamespace = "pid:[1]"
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
	// That of one that was killed is taken over, that of one in another container is not:
	// of such a one it cannot be told.
	service := n.client.NamespaceService()
	if err := service.Create(n.ctx(t.Context()), "cachebench", map[string]string{ownLabel: elsewhere.label()}); err != nil {
		t.Fatal(err)
	}
	if r, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil || !strings.Contains(err.Error(), "cannot be told from here") {
		t.Errorf("the namespace of one in another container was taken: %v, %v", r, err)
	}
	if labels, err := service.Labels(n.ctx(t.Context()), "cachebench"); err != nil || labels[ownLabel] != elsewhere.label() {
		t.Errorf("its label is %v, %v", labels, err)
	}
	if err := service.SetLabel(n.ctx(t.Context()), "cachebench", ownLabel, dead.label()); err != nil {
		t.Fatal(err)
	}
	if err := ours().Close(); err != nil {
		t.Error(err)
	}
	if err := service.Create(n.ctx(t.Context()), "cachebench", nil); err != nil {
		t.Fatalf("the namespace was not removed: %v", err)
	}
	if r, err := NewRunner(t.Context(), Options{Address: socket, Registry: s.Addr, Inventory: b.inventory, Root: shortDir(t)}); err == nil {
		t.Error("a namespace that somebody else made was taken", r.Close())
	}
}
