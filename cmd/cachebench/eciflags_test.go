package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/eci"
)

func TestACRFlag(t *testing.T) {
	got, err := acrOf("instanceId=cri-1,instanceName=shop,regionId=cn-beijing,domain=a.example.com,domain=b.example.com,arnService=acs:ram::1:role/s,arnUser=acs:ram::2:role/u")
	want := eci.ACRRegistry{
		InstanceID: "cri-1", InstanceName: "shop", RegionID: "cn-beijing", Domains: []string{"a.example.com", "b.example.com"},
		ARNService: "acs:ram::1:role/s", ARNUser: "acs:ram::2:role/u",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, text := range []string{"", "cri-1", "instanceName=shop", "instanceId=cri-1,host=a", "instanceId="} {
		if _, err := acrOf(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestRegistryLogin: logins come from a variable, a file or docker's configuration, and
// no error quotes what stands there.
func TestRegistryLogin(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("LOGIN", "ann:of:secret")
	t.Setenv("BROKEN", "only-secret")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The auth is bob:docker-secret.
	write("config.json", `{"auths": {"docker.test": {"auth": "Ym9iOmRvY2tlci1zZWNyZXQ="}}}`)
	flags := eciFlags{loginTexts: []string{"env.test=env:LOGIN", "file.test=file:" + write("login", "eve:file-secret\nmore\n"), "docker.test"}}
	got, err := flags.logins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got {
		lines = append(lines, c.Server+" "+c.UserName+" "+string(c.Password))
	}
	want := []string{"env.test ann of:secret", "file.test eve file-secret", "docker.test bob docker-secret"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"x.test", "x.test=env:NONE", "x.test=env:BROKEN", "x.test=file:" + write("broken", "only-secret"), "x.test=ann:secret", "https://x.test=env:LOGIN"} {
		flags := eciFlags{loginTexts: []string{text}}
		_, err := flags.logins(t.Context())
		if err == nil || strings.Contains(err.Error(), "only-secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestPlainHTTPEndpoint: a request holds passwords, so without TLS it goes to another
// machine only where that is asked for; the refusal names how.
func TestPlainHTTPEndpoint(t *testing.T) {
	const other = "http://eci.example.com"
	flags := eciFlags{io: &streams{err: os.Stderr}, region: "cn-hangzhou", endpoint: other}
	if _, err := flags.client(); err == nil || !strings.Contains(err.Error(), "--plain-http-endpoint") {
		t.Errorf("refused by %v", err)
	}
	flags.plainHTTP = true
	if c, err := flags.client(); err != nil || c.Endpoint() != other {
		t.Errorf("%v, %v", c, err)
	}
	// What is wrong with it otherwise, the flag does not help.
	flags.endpoint = "ftp://eci.example.com"
	if _, err := flags.client(); err == nil || strings.Contains(err.Error(), "--plain-http-endpoint") {
		t.Errorf("refused by %v", err)
	}
}
