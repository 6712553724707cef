package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// eciKey is where a script's endpoint is kept.
type eciKey struct{}

// eciScript is the script command eci: an ECI endpoint in this process, whose time goes
// on by 20 s with each request. The environment is then that of a user with an account.
//
//	eci start [FAULTS]        anew; FAULTS is a file of what goes wrong
//	eci faults [FAULTS]       what goes wrong from now on; nothing without a file
//	eci images INVENTORY      anew, with the images of a file and no others
//	eci silent INVENTORY      so, where updates add no events, and are none without a change
//	eci network               anew, where a cache needs a vSwitch and a security group
//	eci account STATE         from now on the account is in arrears, not-enabled, ...
//	eci quota N               anew, with room for N manual caches
//	eci advance 24h           lets time pass
//	eci created ACTION N      so many resources were made by an action
//	eci called ACTION N       so many requests of an action were made
//	eci left N                so many resources are there
//	eci seen ACTION N         waits until at least so many requests of an action were made
func eciScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eci start|faults|quota|advance|created|called|left ...")
	}
	last := args[len(args)-1]
	if args[0] == "start" || args[0] == "quota" || args[0] == "images" || args[0] == "silent" || args[0] == "network" {
		startECI(ts, args)
		return
	}
	server := ts.Value(eciKey{}).(map[string]*ecitest.Server)["server"]
	wanted := func(got int, what string) {
		if want, err := strconv.Atoi(last); err != nil || got != want {
			ts.Fatalf("%s: %d, want %s", what, got, last)
		}
	}
	switch args[0] {
	case "faults":
		server.ClearFaults()
		if len(args) > 1 {
			server.AddFaults(readFaults(ts, last))
		}
	case "account":
		if !server.SetAccount(ecitest.AccountState(last)) {
			ts.Fatalf("account %s is none of %q", last, ecitest.AccountStates())
		}
	case "advance":
		d, err := time.ParseDuration(last)
		ts.Check(err)
		server.Advance(d)
	case "created":
		wanted(server.Created(args[1]), "created by "+args[1])
	case "called":
		wanted(server.Count(args[1]), "requests of "+args[1])
	case "seen":
		want, err := strconv.Atoi(last)
		ts.Check(err)
		for until := time.Now().Add(30 * time.Second); server.Count(args[1]) < want; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				ts.Fatalf("%d requests of %s, want %d", server.Count(args[1]), args[1], want)
			}
		}
	case "left":
		wanted(len(server.Leftovers()), "left: "+strings.Join(server.Leftovers(), ", "))
	default:
		ts.Fatalf("eci %s is not known", args[0])
	}
}

func startECI(ts *testscript.TestScript, args []string) {
	opt := ecitest.Options{Seed: 1, Clock: ecitest.NewFakeClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 20*time.Second), Strict: true}
	if args[0] == "network" {
		opt.RequireNetwork = true
	} else if args[0] == "quota" {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		opt.Policy = quotaPolicy(n)
	} else if args[0] == "images" || args[0] == "silent" {
		opt.SilentUpdates, opt.UpdateByParameters = args[0] == "silent", args[0] == "silent"
		data, err := os.ReadFile(ts.MkAbs(args[1]))
		ts.Check(err)
		opt.Inventory, err = layers.Read(args[1], data)
		ts.Check(err)
	} else if len(args) > 1 {
		opt.Faults = readFaults(ts, args[1])
	}
	server := ecitest.NewServer(opt)
	ts.Defer(server.Close)
	ts.Value(eciKey{}).(map[string]*ecitest.Server)["server"] = server
	for name, value := range accountEnvironment(server) {
		ts.Setenv(name, value)
	}
}

func readFaults(ts *testscript.TestScript, file string) ecitest.Faults {
	data, err := os.ReadFile(ts.MkAbs(file))
	ts.Check(err)
	faults, err := ecitest.ReadFaults(file, data)
	ts.Check(err)
	return *faults
}

// accountEnvironment is that of a user with an account at an endpoint.
func accountEnvironment(server *ecitest.Server) map[string]string {
	key := ecitest.TestKey()
	return map[string]string{
		endpointVariable: server.URL, "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
		"ALIBABA_CLOUD_ACCESS_KEY_ID": fmt.Sprint(key.ID), "ALIBABA_CLOUD_ACCESS_KEY_SECRET": fmt.Sprint(key.Secret),
	}
}

// quotaPolicy is that of an account with room for n manual caches.
func quotaPolicy(n int) *matcher.Policy {
	p := matcher.DefaultPolicy()
	p.ManualQuota = n
	return &p
}
