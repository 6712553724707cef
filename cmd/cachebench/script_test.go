package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/measure/containerd"
)

func TestMain(m *testing.M) {
	unlisted = 60 * time.Millisecond // of waiting in earnest; TestLateListing has a clock
	testscript.Main(m, map[string]func(){
		"cachebench": func() {
			ctx, stop := untilSignal()
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the command line as a user would. $QUICKSTART is the
// directory of the quickstart scenario, $IMAGES that of the recorded images, $PULLS
// that of a cluster's snapshots, $EXAMPLES that of the examples, $KUBERNETES that of deploy/kubernetes, $CALIBRATE that of timelines that stand for measured
// ones; "code N COMMAND..." wants that exit code. Scripts with the condition [containerd]
// have one as $CONTAINERD, and this host's platform as $PLATFORM.
func TestScripts(t *testing.T) {
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	calibrated, err := filepath.Abs("testdata/calibrate")
	if err != nil {
		t.Fatal(err)
	}
	daemon := containerdProgram(t)
	if signal.Ignored(syscall.SIGHUP) {
		// Tests that are run by nohup: what is caught here is not ignored by programs that
		// scripts start.
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		t.Cleanup(func() { signal.Reset(syscall.SIGHUP) }) // scripts run after this function
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       golden.Updating(),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("QUICKSTART", filepath.Join(testdata, "quickstart"))
			env.Setenv("IMAGES", filepath.Join(testdata, "images"))
			env.Setenv("PULLS", filepath.Join(filepath.Dir(testdata), "workload", "testdata", "pulls"))
			env.Setenv("CALIBRATE", calibrated)
			env.Setenv("EXAMPLES", filepath.Join(filepath.Dir(testdata), "examples"))
			env.Setenv("KUBERNETES", filepath.Join(filepath.Dir(testdata), "deploy", "kubernetes"))
			env.Setenv("CONTAINERD", daemon)
			env.Setenv("PLATFORM", "linux/"+runtime.GOARCH)
			// A program built with the race detector else sleeps a second before it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
			env.Setenv("NO_COLOR", "1")
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			// That of cachebench alone is the first directory: testscript.Main.
			env.Setenv("PROGRAMS", filepath.SplitList(env.Getenv("PATH"))[0])
			env.Values[askedKey{}] = make(chan struct{}, 1)
			env.Values[eciKey{}] = make(map[string]*ecitest.Server)
			env.Values[registriesKey{}] = make(map[string]*scriptRegistry)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "containerd":
				return daemon != "", nil
			case "race":
				return race.Enabled, nil
			}
			return false, fmt.Errorf("no condition %q is known", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": wantCode, "slow-registry": slowRegistry, "appears": appears,
			"eci": eciScript, "eci-until": eciUntil, "make-images": makeImages, "registry": startRegistry, "stop-registry": stopRegistry, "requests": requests, "nowhere": nowhere,
			"workflow": runWorkflow, "layout-of": layoutOf,
		},
	})
}

// containerdProgram finds a containerd that can be started here, as the tests of
// measure/containerd do; none is empty.
func containerdProgram(t *testing.T) string {
	made, err := filepath.Abs("../../build/bin/containerd")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("CACHEBENCH_CONTAINERD"), made, "containerd"} {
		path, err := exec.LookPath(name)
		if err == nil && containerd.Check(t.Context(), containerd.Options{Binary: path}) == nil {
			return path
		}
	}
	return ""
}

// appears is the script command appears: it waits until there is a file of the pattern.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears PATTERN")
	}
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 {
			return
		}
	}
	ts.Fatalf("%s does not appear", args[0])
}

// slowRegistry starts a registry that never answers for a manifest: $SLOW is its
// address. With the argument wait it waits until it was asked for one.
func slowRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 && args[0] == "wait" {
		select {
		case <-ts.Value(askedKey{}).(chan struct{}):
		case <-time.After(30 * time.Second):
			ts.Fatalf("nothing was asked of the slow registry")
		}
		return
	}
	asked := ts.Value(askedKey{}).(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			// The other references are done by then.
			time.Sleep(200 * time.Millisecond)
			asked <- struct{}{}
			<-r.Context().Done()
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("SLOW", strings.TrimPrefix(server.URL, "http://"))
}

type askedKey struct{}

// wantCode runs a program and fails unless it exits with the code given.
func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = strconv.Itoa(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
