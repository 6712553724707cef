package ecitest_test

import (
	"errors"
	"testing"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestUnlisted: what is made is there at once, and costs, but is neither listed nor found
// to be deleted until later.
func TestUnlisted(t *testing.T) {
	server := ecitest.NewServer(ecitest.Options{Faults: ecitest.Faults{Rules: []ecitest.Fault{
		{Action: "CreateContainerGroup", Kind: ecitest.FaultUnlisted}, {Action: "CreateImageCache", Kind: ecitest.FaultLate},
	}}})
	defer server.Close()
	key := ecitest.TestKey()
	client, err := eci.New(eci.Config{RegionID: "cn-hangzhou", Endpoint: server.URL, Retry: eci.Retry{Attempts: 1},
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "web:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "c1", Images: []string{"web:1"}}); !uncertain(err) {
		t.Errorf("late: %v, want no answer", err)
	}
	if n := len(server.Leftovers()); n != 2 {
		t.Errorf("%d are there, want both", n)
	}
	for _, seen := range []bool{false, true} {
		groups, err := client.AllContainerGroups(t.Context(), eci.ContainerGroupQuery{Name: "g1"})
		caches, fault := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
		if err = errors.Join(err, fault); err != nil || len(caches) > 0 != seen || len(groups) > 0 != seen {
			t.Errorf("seen %v: %d groups, %d caches, %v", seen, len(groups), len(caches), err)
		}
		err = client.DeleteContainerGroup(t.Context(), eci.ContainerGroupDeletion{ID: group.ID, Force: true})
		if seen && err != nil || !seen && !errors.Is(err, eci.ErrNotFound) {
			t.Errorf("seen %v: deleted with %v", seen, err)
		}
		server.Advance(ecitest.UnlistedFor)
	}
}

func uncertain(err error) bool {
	var e *eci.Error
	return errors.As(err, &e) && e.Uncertain
}
