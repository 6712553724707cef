package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestRetryLine: an endpoint that refuses connections is told at each attempt, not only
// when the client gives up.
func TestRetryLine(t *testing.T) {
	var to bytes.Buffer
	client, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: "http://127.0.0.1:1", Retry: eci.Retry{Attempts: 4}, NoLimiter: true,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: "some-id", Secret: "some-secret"}},
		Logger:      slog.New(retryLine{to: &to}), Sleep: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.AllImageCaches(context.Background(), eci.ImageCacheQuery{}); !errors.Is(err, eci.ErrUnavailable) {
		t.Fatal(err)
	}
	lines := strings.Split(to.String(), clearLine)[1:]
	if len(lines) != 3 {
		t.Fatalf("%d lines of 3 repeats: %q", len(lines), lines)
	}
	for _, words := range []string{"DescribeImageCaches is asked again in ", ", after attempt 3: ", "connection refused"} {
		if !strings.Contains(lines[2], words) {
			t.Errorf("%q is not in %q", words, lines[2])
		}
	}
	if strings.ContainsAny(to.String(), "\n") {
		t.Error("it is more than a line of progress")
	}
}
