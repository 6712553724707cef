package eci_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/eci"
)

// FuzzReply: no answer, good or bad, makes a call panic, repeat for ever or fail
// with something else than an Error; and what is read can be written.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"RequestId":"R","ImageCaches":[{"ImageCacheId":"imc-1","Progress":"100%","ImageCacheSize":"40","Events":{"Event":[{"Count":1e99}]}}]}`,
		`{"RequestId":"R","ContainerGroups":[{"Cpu":"0.25","Containers":[{"CurrentState":{"ExitCode":null}}]}]}`,
		`{"RequestId":"R","Data":[{"Annotations":"{\"a\":1}","PodStatus":{"ContainerStatuses":[{"State":{"Running":{"StartedAtstartedAt":"2026-05-01T12:00:00Z"}}}]}}]}`,
		`{"RequestId":"R","PriceInfo":{"Price":{"Currency":"CNY","TradePrice":1e400,"DetailInfos":{"DetailInfo":[{}]}}}}`,
		`{"RequestId":"R","Attributes":{"a":"NaN","b":"0x1p-2","c":[]}}`,
		`{"Code":"Throttling","Message":"m"}`, `[]`, `null`, ``, `{"RequestId":{"a":1},"Code":7}`,
	} {
		f.Add(seed, 200)
		f.Add(seed, 400)
	}
	f.Fuzz(func(t *testing.T, body string, status int) {
		c, err := eci.New(eci.Config{
			RegionID: "cn-hangzhou", NoLimiter: true, Retry: eci.Retry{Attempts: 1},
			Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret}},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200 + (status&0x7fff)%400, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		check := func(v any, err error) {
			var e *eci.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%T: %v", err, err)
			}
			if _, marshal := json.Marshal(v); marshal != nil {
				t.Errorf("%+v cannot be written: %v", v, marshal)
			}
		}
		page, err := c.DescribeImageCaches(ctx, eci.ImageCacheQuery{})
		check(page, err)
		for _, cache := range page.ImageCaches {
			if progress, _ := cache.ProgressFraction(); !(progress >= 0 && progress <= 1) {
				t.Errorf("progress %v", progress)
			}
			check(eci.ReadEvidence(cache.Events), nil)
		}
		groups, err := c.DescribeContainerGroups(ctx, eci.ContainerGroupQuery{})
		check(groups, err)
		usage, err := c.ListUsage(ctx)
		check(usage, err)
		price, err := c.DescribeContainerGroupPrice(ctx, eci.PriceQuery{InstanceType: "t"})
		check(price, err)
		regions, err := c.DescribeRegions(ctx)
		check(regions, err)
		made, err := c.CreateImageCache(ctx, eci.ImageCacheSpec{Name: "n", Images: []string{"i"}})
		check(made, err)
		if err == nil && made.ID == "" {
			t.Error("a cache without an ID was made")
		}
	})
}
