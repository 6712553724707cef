package eci_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestCancelInFlight: a context that ends ends the call and its request, and a call
// that changes something says that it may have.
func TestCancelInFlight(t *testing.T) {
	arrived, hungUp := make(chan struct{}), make(chan struct{})
	s := serve(t, nil)
	s.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(hungUp)
	})
	c, _ := client(t, s, func(c *eci.Config) { c.ReadTimeout = time.Hour })
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	_, err := c.CreateImageCache(ctx, eci.ImageCacheSpec{Name: "web", Images: []string{"i"}, ClientToken: "tok"})
	var e *eci.Error
	if !errors.As(err, &e) || !errors.Is(err, context.Canceled) || !e.Uncertain || e.ClientToken != "tok" || e.Attempts != 1 {
		t.Errorf("%v: %+v", err, e)
	}
	if want := "eci: CreateImageCache web: stopped; it may have taken effect: call again with client token tok"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	<-hungUp // else the test hangs: the request went on
}

// TestCancelWhileWaiting: between attempts, and before the first.
func TestCancelWhileWaiting(t *testing.T) {
	s := serve(t, func(int, url.Values) answer { return refusal(400, "Throttling") })
	ctx, cancel := context.WithCancel(context.Background())
	c, _ := client(t, s, func(c *eci.Config) {
		c.Sleep = func(ctx context.Context, _ time.Duration) error { cancel(); <-ctx.Done(); return ctx.Err() }
	})
	_, err := c.ListUsage(ctx)
	if want := "eci: ListUsage: stopped while waiting out throttled: Throttling (HTTP 400): about Throttling (request R-ERR)"; !errors.Is(err, context.Canceled) || len(s.seen()) != 1 || err.Error() != want {
		t.Errorf("%v after %d requests", err, len(s.seen()))
	}
	if _, err = c.ListUsage(ctx); !errors.Is(err, context.Canceled) || len(s.seen()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.seen()))
	}
	// The client's own sleeper, on real time.
	c, _ = client(t, s, func(c *eci.Config) {
		c.Sleep, c.Retry.Base, c.Retry.Max = nil, time.Hour, time.Hour
		c.Retry.Total = 3 * time.Hour
	})
	soon, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if _, err = c.ListUsage(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestCancelWhileCredentialsHang: a provider that does not return holds nobody.
func TestCancelWhileCredentialsHang(t *testing.T) {
	hang := make(chan struct{})
	metadata := serve(t, nil)
	metadata.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang })
	defer close(hang)
	noCredentials(t)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", metadata.URL)
	c, _ := client(t, serve(t, nil), func(c *eci.Config) { c.Credentials = eci.Credentials{} })
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if _, err := c.ListUsage(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// TestConcurrent: one client, many goroutines; their requests are under way at
// once, and each gets its own answer, through throttling and lost answers.
func TestConcurrent(t *testing.T) {
	const calls, together = 200, 8
	var inside, most atomic.Int64
	gate := make(chan struct{})
	var once sync.Once
	var lock sync.Mutex
	made := map[string]string{}
	s := serve(t, func(n int, q url.Values) answer {
		now := inside.Add(1)
		defer inside.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if now >= together {
			once.Do(func() { close(gate) })
		}
		<-gate // opens when so many are here at once; else the test hangs
		switch n % 5 {
		case 1:
			return refusal(400, "Throttling.User")
		case 2:
			return refusal(503, "ServiceUnavailable")
		}
		lock.Lock()
		defer lock.Unlock()
		id, known := made[q.Get("ClientToken")]
		if !known {
			id = "eci-" + q.Get("ContainerGroupName")
			made[q.Get("ClientToken")] = id
		}
		if n%5 == 3 {
			return answer{lost: true}
		}
		return ok(`{"RequestId":"R","ContainerGroupId":"` + id + `"}`)
	})
	c, _ := client(t, s, func(c *eci.Config) { c.Retry.Attempts, c.Retry.Total = 100, time.Hour })
	var wait sync.WaitGroup
	for i := range calls {
		wait.Go(func() {
			name := "g" + strconv.Itoa(i+10)
			group, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: name, Containers: []eci.Container{{Name: "c", Image: "i"}}})
			if err != nil || group.ID != "eci-"+name {
				t.Errorf("%s: %+v, %v", name, group, err)
			}
		})
	}
	wait.Wait()
	if len(made) != calls {
		t.Errorf("%d groups were made of %d", len(made), calls)
	}
	if most.Load() < together {
		t.Errorf("%d requests at once", most.Load())
	}
}

// TestLots: more IDs than the service takes are asked for in lots of 20, each page
// after page, in order.
func TestLots(t *testing.T) {
	var ids []string
	for i := range 45 {
		ids = append(ids, fmt.Sprintf("eci-%02d", i))
	}
	s := serve(t, func(n int, q url.Values) answer {
		asked := []string{}
		for _, id := range ids {
			if containsQuoted(q.Get("ContainerGroupIds"), id) {
				asked = append(asked, id)
			}
		}
		from, next := 0, "more"
		if q.Get("NextToken") == "more" {
			from, next = len(asked)/2, ""
		} else {
			asked = asked[:len(asked)/2]
		}
		body := ""
		for i, id := range asked[from:] {
			if i > 0 {
				body += ","
			}
			body += `{"ContainerGroupId":"` + id + `"}`
		}
		return ok(`{"RequestId":"R","NextToken":"` + next + `","ContainerGroups":[` + body + `],"Data":[` + body + `]}`)
	})
	c, _ := client(t, s)
	groups, err := c.AllContainerGroups(context.Background(), eci.ContainerGroupQuery{IDs: ids})
	if err != nil || len(groups) != 45 || len(s.seen()) != 6 {
		t.Fatalf("%d groups by %d requests, %v", len(groups), len(s.seen()), err)
	}
	events, err := c.DescribeContainerGroupEvents(context.Background(), eci.GroupEventQuery{IDs: ids})
	if err != nil || len(events) != 45 || len(s.seen()) != 12 {
		t.Fatalf("%d events by %d requests, %v", len(events), len(s.seen())-6, err)
	}
	for i, id := range ids {
		if groups[i].ID != id || events[i].GroupID != id {
			t.Errorf("%d: %s and %s, want %s", i, groups[i].ID, events[i].GroupID, id)
		}
	}
	// Whoever has enough stops the paging.
	for range c.ContainerGroups(context.Background(), eci.ContainerGroupQuery{IDs: ids}) {
		break
	}
	if len(s.seen()) != 13 {
		t.Errorf("%d requests after a break", len(s.seen())-12)
	}
}

func containsQuoted(list, id string) bool {
	for i := 0; i+len(id)+2 <= len(list); i++ {
		if list[i:i+len(id)+2] == `"`+id+`"` {
			return true
		}
	}
	return false
}

// TestLotsAgain: a sequence may be gone through again, and no list of IDs, however
// empty, becomes all of the account's groups.
func TestLotsAgain(t *testing.T) {
	s := serve(t, func(n int, q url.Values) answer {
		if q.Get("ContainerGroupIds") == "" {
			t.Errorf("request %d is for all groups", n)
		}
		return ok(`{"RequestId":"R","ContainerGroups":[{"ContainerGroupId":"eci-1"}],"Data":[{"ContainerGroupId":"eci-1"}]}`)
	})
	c, _ := client(t, s)
	ctx := context.Background()
	groups := c.ContainerGroups(ctx, eci.ContainerGroupQuery{IDs: []string{"eci-1"}})
	for pass := range 2 {
		n := 0
		for group, err := range groups {
			if n++; err != nil || group.ID != "eci-1" {
				t.Errorf("%+v, %v", group, err)
			}
		}
		if n != 1 || len(s.seen()) != pass+1 {
			t.Errorf("pass %d: %d groups, %d requests", pass, n, len(s.seen()))
		}
	}
	none := []string{}
	if got, err := c.AllContainerGroups(ctx, eci.ContainerGroupQuery{IDs: none}); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := c.DescribeContainerGroups(ctx, eci.ContainerGroupQuery{IDs: none}); err != nil || len(got.ContainerGroups) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := c.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{IDs: none}); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	var e *eci.Error
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf("eci-%d", i)
	}
	if _, err := c.AllContainerGroups(ctx, eci.ContainerGroupQuery{IDs: many, NextToken: "t"}); !errors.As(err, &e) || e.Field != "nextToken" {
		t.Error(err)
	}
	if len(s.seen()) != 2 {
		t.Errorf("%d requests", len(s.seen()))
	}
}

// TestPages: caches come page after page; an error in the middle is told, and so is a
// token that stands still or goes round.
func TestPages(t *testing.T) {
	page := func(id, next string) answer {
		return ok(`{"RequestId":"R","TotalCount":3,"NextToken":"` + next + `","ImageCaches":[{"ImageCacheId":"` + id + `"}]}`)
	}
	for _, test := range []struct {
		name  string
		pages []answer
		ids   int
		kind  error
	}{
		{"three", []answer{page("imc-1", "a"), page("imc-2", "b"), page("imc-3", "")}, 3, nil},
		{"broken", []answer{page("imc-1", "a"), refusal(403, "NoPermission")}, 0, eci.ErrNoPermission},
		{"stuck", []answer{page("imc-1", "a"), page("imc-2", "a"), page("imc-3", "a")}, 0, eci.ErrReply},
		{"round", []answer{page("imc-1", "a"), page("imc-2", "b"), page("imc-3", "a")}, 0, eci.ErrReply},
	} {
		s := serve(t, func(n int, q url.Values) answer {
			if want := []string{"", "a", "b"}[n]; q.Get("NextToken") != want {
				t.Errorf("%s: page %d by %q, want %q", test.name, n, q.Get("NextToken"), want)
			}
			return test.pages[n]
		})
		c, _ := client(t, s)
		caches, err := c.AllImageCaches(context.Background(), eci.ImageCacheQuery{})
		if len(caches) != test.ids || !errors.Is(err, test.kind) {
			t.Errorf("%s: %d caches, %v", test.name, len(caches), err)
		}
	}
}
