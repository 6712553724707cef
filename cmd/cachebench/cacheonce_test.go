package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// stoppedAccount is an endpoint whose time goes on only while somebody waits, for a
// minute that is not made shorter.
func stoppedAccount(t *testing.T, faults ...ecitest.Fault) (*ecitest.Server, *cacheApply) {
	before := unlisted
	unlisted = time.Minute
	t.Cleanup(func() { unlisted = before })
	server, client := newAccountAt(t, ecitest.NewFakeClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 0), faults...)
	t.Cleanup(server.Close)
	return server, &cacheApply{client: client, wait: cacheWait{
		every: time.Microsecond, timeout: time.Hour, quiet: new(true), now: server.Now,
		sleep: func(ctx context.Context, d time.Duration) error {
			server.Advance(max(d, time.Second))
			return ctx.Err()
		},
	}}
}

// TestLateListing: a cache that is listed only 40 s after it was made is one cache, however
// often it is asked for.
func TestLateListing(t *testing.T) {
	server, a := stoppedAccount(t, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultUnlisted})
	for range 2 {
		step := createStep("web")
		if err := a.create(t.Context(), step, &step.change); err != nil || step.change.ID == "" {
			t.Fatal(err)
		}
	}
	if got := server.Created("CreateImageCache"); got != 1 {
		t.Errorf("%d caches were made", got)
	}
}

// TestRenewedLogin: an apply whose login was renewed since another made the cache, whose
// token is then known with another password, makes no second one.
func TestRenewedLogin(t *testing.T) {
	server, a := stoppedAccount(t, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultUnlisted})
	for _, password := range []string{"one", "other"} {
		step := createStep("web")
		step.spec.RegistryCredentials = []eci.RegistryCredential{{Server: "a.example.com", UserName: "u", Password: eci.Secret(password)}}
		if err := a.create(t.Context(), step, &step.change); err != nil || step.change.ID == "" {
			t.Fatal(err)
		}
	}
	if got := server.Created("CreateImageCache"); got != 1 {
		t.Errorf("%d caches were made", got)
	}
}

// TestNightly: a cache that expires every night is made again every night, with few
// tokens: each used-up one costs a minute of looking.
func TestNightly(t *testing.T) {
	server, a := stoppedAccount(t)
	for night := 1; night <= 12; night++ {
		asked := server.Count("CreateImageCache")
		step := createStep("web")
		step.spec.RetentionDays = 1
		if err := a.create(t.Context(), step, &step.change); err != nil {
			t.Fatalf("night %d: %v", night, err)
		}
		if made, tokens := server.Created("CreateImageCache"), server.Count("CreateImageCache")-asked; made != night || tokens > 2 {
			t.Fatalf("night %d: %d caches were made, %d tokens tried", night, made, tokens)
		}
		server.Advance(25 * time.Hour)
	}
}

// TestSavedUnlisted: what was created is saved though it is not listed yet.
func TestSavedUnlisted(t *testing.T) {
	restoreEnvironment(t)
	server, _ := newAccountAt(t, ecitest.NewFakeClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 0), ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultUnlisted})
	defer server.Close()
	file := filepath.Join(t.TempDir(), "made.yaml")
	code, out, errOut := program(server, "cache", "create", "nginx:1.27", "--name", "web", "--no-size-check", "--quiet", "--save", file)
	data, err := readInput(file)
	if code != exitDone || err != nil || !strings.Contains(string(data), "id: imc-") || !strings.Contains(string(data), "status: Preparing") {
		t.Errorf("exit code %d, %v\n%s%s\n%s", code, err, out, errOut, data)
	}
}

// TestStaleReady: the Ready of before an update is not taken for that of after it; nor is
// a cache that does not change waited for for ever.
func TestStaleReady(t *testing.T) {
	server, a := stoppedAccount(t)
	made, err := a.client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}})
	if err != nil {
		t.Fatal(err)
	}
	server.Advance(time.Hour)
	is, err := a.client.ImageCache(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	begun := server.Now()
	if _, err := a.wait.settled(t.Context(), a.client, []string{made.ID}, map[string]string{made.ID: looks(&is)}); err != nil || server.Now().Sub(begun) < unlisted {
		t.Errorf("the old Ready was taken after %v (%v)", server.Now().Sub(begun), err)
	}
	if err := a.client.UpdateImageCache(t.Context(), eci.ImageCacheUpdate{ID: made.ID, SizeGiB: 40}); err != nil {
		t.Fatal(err)
	}
	last, err := a.wait.settled(t.Context(), a.client, []string{made.ID}, map[string]string{made.ID: looks(&is)})
	if err != nil || last[made.ID].SizeGiB != 40 {
		t.Errorf("%+v, %v", last[made.ID], err)
	}
}

// TestInterruptedWait: only what is not done yet is said to go on, and what failed is
// said, too.
func TestInterruptedWait(t *testing.T) {
	server, a := stoppedAccount(t, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Nth: 2}, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultStuck, Nth: 3})
	var ids []string
	for _, name := range []string{"ready", "failed", "stuck"} {
		made, err := a.client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: name, Images: []string{"nginx:1.27"}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	server.Advance(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, when := range []string{"between looks", "at the third look"} {
		if when == "between looks" {
			a.wait.sleep = func(context.Context, time.Duration) error { return context.Canceled }
		} else {
			server.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: "DescribeImageCaches", Kind: ecitest.FaultHang, Nth: 3}}})
			go func() {
				for server.Count("DescribeImageCaches") < 6 {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
		}
		_, err := a.wait.settled(ctx, a.client, ids, nil)
		if err == nil || strings.Contains(err.Error(), ids[0]) || !strings.Contains(err.Error(), ids[1]) || !strings.Contains(err.Error(), "cachebench cache delete "+ids[2]) {
			t.Errorf("%s: %v", when, err)
		}
	}
}
