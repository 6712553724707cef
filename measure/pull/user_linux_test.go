package pull

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asUser are the tests of what is done otherwise without root.
const asUser = "^(TestPull|TestExtract.*|TestRoots|TestRootGiven|TestRunner|TestDoubts|TestParallelUnpack|TestCancel)$"

// TestUnprivileged makes the tests of unpacking as a user without privileges, where
// this one is root: in "any CI container" that is the common case.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		return // all tests are made so
	}
	dir, err := os.MkdirTemp("", "cachebench-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(dir) })
	program := filepath.Join(dir, "test")
	copyProgram(t, program)
	// As /tmp has it: else nobody would make a root there.
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	cmd := exec.Command(program, "-test.run", asUser, "-test.v", "-rapid.nofailfile")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "XDG_CACHE_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("nothing runs as user %d here: %v", nobody, err)
	}
	for _, want := range []string{"--- PASS: TestPull", "--- PASS: TestExtractOver", "--- PASS: TestRoots"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("as another user there is no %q", want)
		}
	}
	if err != nil {
		t.Errorf("as another user: %v\n%s", err, out)
	}
}

// copyProgram copies the test's program to where every user can start it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
