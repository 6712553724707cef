package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/cachebench/cachebench/eci"
)

// savedReply answers every request with what a file holds: a reply of DescribeImageCaches
// that another tool saved is then read as one that this client has asked for.
type savedReply []byte

func (r savedReply) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(r)), ContentLength: int64(len(r)),
	}, nil
}

// readReplies reads the caches of saved replies, a file each page, and the region that
// they are in: the one given, else theirs. Nothing is asked of the service.
func readReplies(ctx context.Context, files []string, region string) (string, []eci.ImageCache, error) {
	var all []eci.ImageCache
	total, ended, before := 0, false, ""
	for _, file := range files {
		data, err := readInput(file)
		if err != nil {
			return "", nil, err
		}
		var of struct {
			ImageCaches json.RawMessage
		}
		if err := json.Unmarshal(data, &of); err != nil || of.ImageCaches == nil {
			return "", nil, usagef("%s is no reply of DescribeImageCaches: it has no list ImageCaches", file)
		}
		client, err := eci.New(eci.Config{
			RegionID: "saved", Endpoint: "http://127.0.0.1:1", Transport: savedReply(data), NoLimiter: true, Retry: eci.Retry{Attempts: 1},
			Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: "none", Secret: "none"}},
		})
		if err != nil {
			return "", nil, err
		}
		page, err := client.DescribeImageCaches(ctx, eci.ImageCacheQuery{})
		if err != nil {
			return "", nil, usagef("%s is no reply of DescribeImageCaches: %w", file, err)
		}
		all = append(all, page.ImageCaches...)
		if page.TotalCount != nil {
			total = max(total, *page.TotalCount)
		}
		if page.NextToken == "" {
			ended = true
		} else {
			before = file
		}
	}
	switch {
	case !ended:
		return "", nil, usagef("the page after %s is missing: its reply has a NextToken; save the next with --NextToken, and give it with another --from", before)
	case len(all) < total:
		return "", nil, usagef("the replies have %d of %d caches: give each page with a --from of its own", len(all), total)
	}
	for i := 0; region == "" && i < len(all); i++ {
		region = all[i].RegionID
	}
	if region == "" {
		return "", nil, usagef("no cache says which region it is in: give --region")
	}
	return region, all, nil
}
