package main

import (
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// eciUntil is the script command eci-until ACTION N: it waits until an action has made so
// many resources.
func eciUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: eci-until ACTION N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	server := ts.Value(eciKey{}).(map[string]*ecitest.Server)["server"]
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if server.Created(args[0]) >= want {
			return
		}
	}
	ts.Fatalf("%s has made %d, not %s", args[0], server.Created(args[0]), args[1])
}
