package ecitest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// typed is the project's own client of a server, whose waits let its time pass.
func typed(t *testing.T, s *ecitest.Server) *eci.Client {
	t.Helper()
	key := ecitest.TestKey()
	c, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: s.URL, Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.Advance(d)
			return ctx.Err()
		},
		Now: s.Now, Retry: eci.Retry{Attempts: 60, Total: 24 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTypedClient: what package eci sends is all known here, in either key style, and
// what it reads is what happened.
func TestTypedClient(t *testing.T) {
	for _, lower := range []bool{false, true} {
		s, _ := serve(t, ecitest.Options{Strict: true, LowerCamelEvents: lower, Profile: plainProfile(), Inventory: inventory(t, fleet...)})
		c, ctx := typed(t, s), context.Background()
		made, err := c.CreateImageCache(ctx, eci.ImageCacheSpec{
			Name: "web", Images: []string{"web:1"}, SizeGiB: 25, Flash: true, ReuseLayers: true, Elimination: "LRU", SecurityGroupID: "sg-1", VSwitchIDs: []string{"vsw-1"},
			ACR: []eci.ACRRegistry{{InstanceID: "cri-1", Domains: []string{"a.example"}}}, Tags: []eci.Tag{{Key: "run", Value: "1"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Minute)
		cache, err := c.ImageCache(ctx, made.ID)
		if err != nil || cache.Status != "Ready" || cache.FlashSnapshotID == "" || cache.SnapshotID != "" || cache.SizeGiB != 25 || cache.Events[1].Message != "Success pull image web:1" {
			t.Errorf("cache %+v, %v", cache, err)
		}
		created, err := c.CreateContainerGroup(ctx, eci.ContainerGroupSpec{
			Name: "web", Containers: []eci.Container{{Name: "c", Image: "web:1", Command: []string{"sleep", "5"}}}, ImageCacheID: made.ID, RestartPolicy: "Never",
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Minute)
		group, err := c.ContainerGroup(ctx, created.ID)
		if err != nil || group.Status != "Succeeded" || group.SucceededAt.Sub(group.CreatedAt) != 23*time.Second || *group.Containers[0].Current.ExitCode != 0 {
			t.Errorf("group %+v, %v; it is ready after 18 s and runs 5", group, err)
		}
		events, err := c.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{IDs: []string{created.ID}})
		if err != nil || len(events) != 1 || len(events[0].Events) != 5 || events[0].Annotations["k8s.aliyun.com/eci-matched-image-cache"] != made.ID {
			t.Errorf("events %+v, %v", events, err)
		}
		states, err := c.DescribeContainerGroupStatus(ctx, eci.GroupEventQuery{IDs: []string{created.ID}})
		if err != nil || len(states) != 1 || states[0].Pod.Phase != "Succeeded" {
			t.Errorf("states %+v, %v", states, err)
		}
		if err := c.DeleteImageCache(ctx, "imc-none", ""); !errors.Is(err, eci.ErrNotFound) {
			t.Errorf("deleting what is not there: %v", err)
		}
		if err := c.UpdateImageCache(ctx, eci.ImageCacheUpdate{ID: made.ID}); !errors.Is(err, eci.ErrNothingToUpdate) {
			t.Errorf("updating nothing: %v", err)
		}
		for _, call := range s.Calls() {
			if len(call.Unknown)+len(call.Malformed) > 0 {
				t.Errorf("%s has %q and %q", call.Action, call.Unknown, call.Malformed)
			}
		}
	}
}

// TestTypedStorm: where most calls are throttled, fail or lose their answer, each start
// happens once.
func TestTypedStorm(t *testing.T) {
	s, _ := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, 10*time.Millisecond), Seed: 4, Faults: ecitest.Faults{Rules: []ecitest.Fault{
		{Kind: ecitest.FaultThrottle, Fraction: 0.3}, {Kind: ecitest.FaultError, Status: 503, Fraction: 0.1}, {Kind: ecitest.FaultLost, Fraction: 0.1},
		{Kind: ecitest.FaultTruncated, Fraction: 0.05}, {Kind: ecitest.FaultUnreached, Fraction: 0.05},
	}}})
	c, ctx := typed(t, s), context.Background()
	const callers, each = 4, 40
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				made, err := c.CreateContainerGroup(ctx, eci.ContainerGroupSpec{Name: fmt.Sprintf("g-%d-%d", caller, i), Containers: []eci.Container{{Name: "c", Image: "web:1"}}})
				if err == nil {
					err = c.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: made.ID, Force: true})
				}
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if n := s.Created("CreateContainerGroup"); n != callers*each || len(s.Leftovers()) != 0 {
		t.Errorf("%d groups were made for %d starts, left over %q", n, callers*each, s.Leftovers())
	}
	if s.Count("") < 2*callers*each*3/2 {
		t.Errorf("%d requests: that was no storm", s.Count(""))
	}
}
