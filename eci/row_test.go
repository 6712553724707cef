package eci_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/eci"
)

// TestUnreadRow: a row that is no object hides none of the others, on no page and in no
// lot, and is told of: who takes the list for the whole would leave something behind.
func TestUnreadRow(t *testing.T) {
	var ids []string
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("eci-%d", i+1))
	}
	rows := func(q url.Values, key string) string {
		page := q.Get("NextToken")
		if q.Get("ContainerGroupIds") != "" && strings.Contains(q.Get("ContainerGroupIds"), `"eci-21"`) {
			page = "lot"
		}
		switch page {
		case "":
			return `["no row",{"` + key + `":"x-1","Events":["none",{"Reason":"Pulled"}],"Tags":[null,{"Key":"a"}]},null,[1]]`
		case "2":
			return `[7]` // a page of which nothing can be read is not the last
		}
		return `[{"` + key + `":"x-2"}]`
	}
	s := serve(t, func(_ int, q url.Values) answer {
		next := map[string]string{"": "2", "2": "3"}[q.Get("NextToken")]
		if strings.Contains(q.Get("ContainerGroupIds"), `"eci-21"`) {
			next = ""
		}
		list, key := "ImageCaches", "ImageCacheId"
		switch q.Get("Action") {
		case "DescribeContainerGroups":
			list, key = "ContainerGroups", "ContainerGroupId"
		case "DescribeContainerGroupEvents":
			list, key = "Data", "ContainerGroupId"
		}
		return ok(`{"RequestId":"R-` + next + `","NextToken":"` + next + `","` + list + `":` + rows(q, key) + `}`)
	})
	c, _ := client(t, s)
	ctx := context.Background()
	check := func(what string, got string, err error, want string) {
		t.Helper()
		if got != want || !errors.Is(err, eci.ErrReply) || !strings.Contains(err.Error(), "row 1, 3, 4 of 4 in ") {
			t.Errorf("%s: %q, want %q, and %v", what, got, want, err)
		}
	}
	caches, err := c.AllImageCaches(ctx, eci.ImageCacheQuery{})
	got := ""
	for _, cache := range caches {
		got += cache.ID + " "
	}
	check("caches", got, err, "x-1 x-2 ")
	if len(caches) > 0 && (len(caches[0].Events) != 1 || len(caches[0].Tags) != 1) {
		t.Errorf("%+v", caches[0])
	}
	groups, err := c.AllContainerGroups(ctx, eci.ContainerGroupQuery{IDs: ids})
	got = ""
	for _, group := range groups {
		got += group.ID + " "
	}
	check("groups", got, err, "x-1 x-2 x-2 ")
	events, err := c.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{IDs: ids})
	got = ""
	for _, e := range events {
		got += e.GroupID + " "
	}
	check("events", got, err, "x-1 x-2 x-2 ")
	page, err := c.DescribeImageCaches(ctx, eci.ImageCacheQuery{})
	check("a page", fmt.Sprint(len(page.ImageCaches), page.NextToken), err, "12")
	if cache, err := c.ImageCache(ctx, "x-2"); err != nil || cache.ID != "x-2" {
		t.Errorf("%+v, %v", cache, err)
	}
}
