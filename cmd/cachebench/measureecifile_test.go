package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/reports"
)

// eciExperiment is a file with every key that a flag has a value for.
const eciExperiment = `apiVersion: cachebench/v1
kind: ECIExperiment
region: cn-beijing
apps:
  - images: ["registry.example.com/web:1"]
  - images: ["registry.example.com/api:1"]
arms: [cold, flash]
repeats: 7
warmup: 3
retries: 4
seed: 11
concurrency: 6
group: {vcpu: 4, memoryGiB: 8, extraStorageGiB: 10, accelerate: imc}
cache: {sizeGiB: 40}
args: [serve, --now]
pullPolicy: Always
readiness: started
timeoutSeconds: 120
cacheTimeoutSeconds: 1800
maxCost: {amount: 2.5, currency: USD}
maxDurationSeconds: 7200
securityGroupId: sg-1
vSwitchIds: [vsw-1, vsw-2]
zoneId: cn-beijing-k
resourceGroupId: rg-1
tags: {team: x}
plainHTTPRegistries: [plain.example.com]
insecureRegistries: [insecure.example.com]
acr: [{instanceId: cri-1, domains: [a.example.com]}]
registryLogins: [{server: a.example.com, from: "env:SOME_LOGIN"}]
`

// eciExperimentFlags say the same.
var eciExperimentFlags = []string{
	"--arms", "cold,flash", "--repeats", "7", "--warmup", "3", "--retries", "4", "--seed", "11", "--concurrency", "6",
	"--cpu", "4", "--memory", "8", "--extra-storage", "10", "--accelerate", "imc", "--cache-size", "40", "--arg", "serve", "--arg", "--now",
	"--pull-policy", "Always", "--ready", "started", "--timeout", "120s", "--cache-timeout", "30m", "--max-cost", "2.5", "--max-duration", "2h",
	"--security-group", "sg-1", "--vswitch", "vsw-1,vsw-2", "--zone", "cn-beijing-k", "--resource-group", "rg-1", "--tag", "team=x",
	"--plain-http-registry", "plain.example.com", "--insecure-registry", "insecure.example.com", "--acr", "instanceId=cri-1,domain=a.example.com",
	"--registry-login", "a.example.com=env:SOME_LOGIN",
}

// said is an experiment as a command line and its file make it.
type said struct {
	Exp              ecigroup.Experiment
	Retries          int
	MaxCost          float64
	MaxDuration      time.Duration
	Currency, Region string
}

func saidBy(t *testing.T, args ...string) said {
	t.Helper()
	ios := &streams{in: strings.NewReader(""), out: io.Discard, err: &bytes.Buffer{}}
	m := &eciMeasuring{measuring: &measuring{in: &inputs{io: ios}, out: &outputs{io: ios, formats: reports.MeasuredFormats()}}}
	var err error
	cmd := &cobra.Command{Use: "eci", SilenceErrors: true, SilenceUsage: true, RunE: func(cmd *cobra.Command, args []string) error {
		err = m.experiment(cmd, args)
		return err
	}}
	m.addECIFlags(cmd)
	cmd.SetArgs(args)
	if ran := cmd.Execute(); ran != nil || err != nil {
		t.Fatalf("%v: %v, %v", args, ran, err)
	}
	return said{m.exp, m.retries, m.maxCost, m.maxDuration, m.maxCurrency, m.fileRegion}
}

func experimentFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "experiment.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestECIExperimentFile: a file says what flags say, key for key; what it leaves open is
// as without it; flags go before it.
func TestECIExperimentFile(t *testing.T) {
	t.Setenv("SOME_LOGIN", "ann:secret")
	byFlags := saidBy(t, append([]string{"registry.example.com/web:1", "registry.example.com/api:1"}, eciExperimentFlags...)...)
	byFile := saidBy(t, "--experiment", experimentFile(t, eciExperiment))
	if byFile.Currency != "USD" || byFile.Region != "cn-beijing" {
		t.Errorf("currency %q, region %q", byFile.Currency, byFile.Region)
	}
	byFile.Currency, byFile.Region = "", ""
	if diff := cmp.Diff(byFlags, byFile); diff != "" {
		t.Errorf("flags -, file +:\n%s", diff)
	}

	const least = "apiVersion: cachebench/v1\nkind: ECIExperiment\napps: [{images: [\"registry.example.com/web:1\"]}, {images: [\"registry.example.com/api:1\"]}]\n"
	open := saidBy(t, "--experiment", experimentFile(t, least))
	if diff := cmp.Diff(saidBy(t, "registry.example.com/web:1", "registry.example.com/api:1"), open); diff != "" {
		t.Errorf("nothing said, flags -, file +:\n%s", diff)
	}
	other := least + "arms: [explicit]\nrepeats: 2\nwarmup: 0\nretries: 0\nseed: 2\nconcurrency: 2\ngroup: {vcpu: 1, memoryGiB: 2, extraStorageGiB: 1, accelerate: dadi}\ncache: {sizeGiB: 21}\nargs: [x]\npullPolicy: Never\nreadiness: ready\ntimeoutSeconds: 60\ncacheTimeoutSeconds: 60\nmaxCost: {amount: 1, currency: CNY}\nmaxDurationSeconds: 60\nsecurityGroupId: sg-2\nvSwitchIds: [vsw-3]\nzoneId: z\nresourceGroupId: rg-2\ntags: {team: y}\nplainHTTPRegistries: [b]\ninsecureRegistries: [c]\nacr: [{instanceId: cri-2}]\nregistryLogins: [{server: d, from: \"env:NONE\"}]\n"
	over := saidBy(t, append([]string{"--experiment", experimentFile(t, other)}, eciExperimentFlags...)...)
	if diff := cmp.Diff(byFlags, over); diff != "" {
		t.Errorf("flags before the file, flags -, both +:\n%s", diff)
	}

	together := strings.Replace(least, "apps: [{images: [\"registry.example.com/web:1\"]}, {images: [\"registry.example.com/api:1\"]}]", "apps: [{name: shop, images: [\"registry.example.com/web:1\", \"registry.example.com/api:1\"]}]\ncache: {id: imc-1}\nstandardCopyCount: 2", 1)
	got := saidBy(t, "--experiment", experimentFile(t, together)).Exp
	if got.Cache.StandardCopies != 2 {
		t.Errorf("%d copies", got.Cache.StandardCopies)
	}
	if want := []ecigroup.App{{Name: "shop", Images: []string{"registry.example.com/web:1", "registry.example.com/api:1"}}}; cmp.Diff(want, got.Apps) != "" || got.CacheID != "imc-1" {
		t.Errorf("%+v of %s", got.Apps, got.CacheID)
	}
}
