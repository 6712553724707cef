package eci

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"
)

// Client calls ECI in one region. It is safe for concurrent use, and concurrent
// calls run at once.
type Client struct {
	regionID  string
	endpoint  endpoint
	keys      *keyring
	http      *http.Client
	timeout   time.Duration
	retry     Retry
	limiter   *limiter
	maxImages int
	userAgent string
	log       *slog.Logger
	sleep     func(context.Context, time.Duration) error
	now       func() time.Time

	randomLock sync.Mutex
	random     io.Reader
}

// New makes a client, without calling the service. It fails with ErrNoRegion,
// ErrInvalid (an endpoint, a region) or ErrCredentials (more than one kind of
// them). Whether there are credentials shows with the first call.
func New(config Config) (*Client, error) {
	region, err := regionOf(config.RegionID)
	if err != nil {
		return nil, err
	}
	at, err := endpointOf(config.Endpoint, region, config.PlainHTTP)
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(config.Credentials)
	if err != nil {
		return nil, err
	}
	c := &Client{
		regionID: region, endpoint: at, keys: keys,
		retry: config.Retry.withDefaults(), maxImages: config.MaxImages,
		userAgent: "cachebench-eci", log: config.Logger,
		sleep: config.Sleep, now: config.Now, random: config.Random,
	}
	c.fill(config)
	c.keys.now = c.now
	return c, nil
}

func (c *Client) fill(config Config) {
	connect, read := config.ConnectTimeout, config.ReadTimeout
	if connect <= 0 {
		connect = 5 * time.Second // the SDK's, as the next: eci §2.9
	}
	if read <= 0 {
		read = 10 * time.Second
	}
	c.timeout = connect + read
	c.http = newHTTPClient(config.Transport, connect)
	if config.UserAgent != "" {
		c.userAgent += " " + config.UserAgent
	}
	if c.maxImages <= 0 {
		c.maxImages = defaultMaxImages
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.sleep == nil {
		c.sleep = sleep
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.random == nil {
		c.random = rand.Reader
	}
	if !config.NoLimiter {
		c.limiter = newLimiter()
	}
}

// RegionID is the region that the client calls.
func (c *Client) RegionID() string { return c.regionID }

// Endpoint is where it calls, as a URL without a path.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// String names the client by region and endpoint.
func (c *Client) String() string { return "eci client of " + c.regionID + " at " + c.Endpoint() }

// GoString is String: a client holds credentials.
func (c *Client) GoString() string { return c.String() }

// Format implements fmt.Formatter by String, for every verb.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// NewClientToken makes a token for a call that changes something: 32 ASCII
// characters. Callers that journal what they are about to make need it before the
// call. The error is always nil: crypto/rand ends the program rather than fail.
func (c *Client) NewClientToken() (string, error) {
	var token [16]byte
	rand.Read(token[:])
	return hex.EncodeToString(token[:]), nil
}

func (c *Client) chance(into []byte) error {
	c.randomLock.Lock()
	defer c.randomLock.Unlock()
	_, err := io.ReadFull(c.random, into)
	return err
}

// jitter is a number in [0,1), 1/2 where chance is out.
func (c *Client) jitter() float64 {
	var b [8]byte
	if c.chance(b[:]) != nil {
		return 0.5
	}
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return float64(n>>11) / math.Exp2(53)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
