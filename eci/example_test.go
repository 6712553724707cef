package eci_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cachebench/cachebench/eci"
)

// A cache is made, a second one refused; the error says why, and what to do.
func Example() {
	replies := []string{
		`{"RequestId":"R1","ImageCacheId":"imc-1","ContainerGroupId":"eci-1"}`,
		`{"RequestId":"R2","ImageCaches":[{"ImageCacheId":"imc-1","ImageCacheName":"web","Status":"Ready","ImageCacheSize":40}]}`,
		`{"RequestId":"R3","Code":"QuotaExceeded","Message":"ImageCache quota exceeded."}`,
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(replies) == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, replies[0])
		replies = replies[1:]
	}))
	defer service.Close()

	client, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou",
		Endpoint: service.URL, // without it, https://eci.cn-hangzhou.aliyuncs.com
		Credentials: eci.Credentials{ // without them, the environment's, the CLI's, the instance's
			AccessKey: eci.AccessKey{ID: "an-id", Secret: "a-secret"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	spec := eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.25"}, SizeGiB: 40}
	made, err := client.CreateImageCache(ctx, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	for cache, err := range client.ImageCaches(ctx, eci.ImageCacheQuery{ID: made.ID}) {
		fmt.Println(cache.ID, cache.Name, cache.Status, cache.SizeGiB, err)
	}
	_, err = client.CreateImageCache(ctx, spec)
	fmt.Println(errors.Is(err, eci.ErrQuota))
	fmt.Println(err)
	// Output:
	// imc-1 web Ready 40 <nil>
	// true
	// eci: CreateImageCache web: quota exceeded: QuotaExceeded (HTTP 403): ImageCache quota exceeded. (request R3); delete what is not needed, or ask for a higher quota; cachebench cache list shows the quotas of image caches
}
