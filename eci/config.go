package eci

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Config is how a Client reaches the service. Its zero value works where region
// and credentials are in the environment.
type Config struct {
	// RegionID is such as cn-hangzhou. Empty: CACHEBENCH_REGION, else
	// ALIBABA_CLOUD_REGION_ID, else ALIBABA_CLOUD_REGION.
	RegionID string
	// Endpoint is a host, host:port, or a URL (http://127.0.0.1:8080). Without a
	// scheme it is HTTPS. Empty: eci.<region>.aliyuncs.com (eci §2.8). The one inside a
	// VPC is eci-vpc.<region>.aliyuncs.com.
	Endpoint string
	// PlainHTTP allows http:// to other machines than this one. A request's URL holds
	// the passwords of registries, which anybody on the way could read.
	PlainHTTP bool
	// Credentials are whose calls these are. The zero value finds them by the SDK's
	// chain.
	Credentials Credentials
	// Transport sends the requests; it must end with the request's context. Nil: one
	// of the client's own, through the environment's proxy but for loopback.
	Transport http.RoundTripper
	// ConnectTimeout is for making a connection, 0 is 5 s; ReadTimeout for the whole
	// answer thereafter, 0 is 10 s: the SDK's (eci §2.9).
	ConnectTimeout time.Duration
	ReadTimeout    time.Duration
	// Retry is how often and how long a call is repeated.
	Retry Retry
	// NoLimiter sends as fast as calls come. Without it the client keeps to the
	// documented rates (eci §2.8), so that few calls are throttled.
	NoLimiter bool
	// MaxImages is how many images a cache may hold; 0 is 20 (eci §1.4).
	MaxImages int
	// UserAgent is sent beside this package's name.
	UserAgent string
	// Logger is told of attempts, at level debug; nil is nobody.
	Logger *slog.Logger

	// Sleep waits, or returns the context's error when that ends first; nil is real
	// time. Now is the clock of waits and limits; nil is time.Now. The service checks
	// the time of requests, which is always the real one.
	Sleep func(context.Context, time.Duration) error
	Now   func() time.Time
	// Random gives the jitter of waits; nil is crypto/rand. Client tokens are always
	// of crypto/rand: two clients of one seed would take each other's resources for
	// their own.
	Random io.Reader
}

// Credentials say who calls. At most one kind is set; none is the SDK's default
// chain (eci §2.9): the environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ..._SECRET,
// ALIBABA_CLOUD_SECURITY_TOKEN), OIDC, the CLI's profile, the ini file, the ECS
// instance's RAM role, ALIBABA_CLOUD_CREDENTIALS_URI. The place that gives the first
// key is the only one that is asked later, so that no client changes its account. Keys
// that expire are renewed there; while it is away the last key is used, and once the
// service calls that expired, calls wait for the place within Retry's limits.
type Credentials struct {
	// AccessKey is a key of its own.
	AccessKey AccessKey
	// Role is assumed with AccessKey.
	Role *Role
	// ECSRole is the RAM role of the ECS instance that this runs on.
	ECSRole string
	// Profile is one of the aliyun CLI's.
	Profile string
	// Source is asked before every request, by many goroutines at once.
	Source func(context.Context) (AccessKey, error)
}

// AccessKey is a key pair, with SecurityToken a temporary one. None of it is ever
// shown.
type AccessKey struct {
	ID            Secret
	Secret        Secret
	SecurityToken Secret
}

// Role is a RAM role that is assumed.
type Role struct {
	// ARN is acs:ram::<account>:role/<name>, required.
	ARN         string
	SessionName string
	// Duration of a session, from 15 min to what the role allows, in whole seconds; 0
	// is 1 h.
	Duration   time.Duration
	ExternalID string
	Policy     string
	STSRegion  string
}

// Retry limits the repeating of a call. Zero fields have the defaults.
type Retry struct {
	// Attempts is how often a request is sent in all, not counting answers that
	// throttle: those are limited by Total alone, for the more calls wait, the longer
	// a throttle lasts. 0 is 12, one to two minutes with the waits below; 1 never
	// repeats, not even what is throttled.
	Attempts int
	// Base is the wait after the first attempt, doubled after each, up to Max; each
	// wait is cut by chance to between a half and the whole. 0 is 500 ms and 20 s.
	Base time.Duration
	Max  time.Duration
	// Total ends the repeating before the waits add up to more; 0 is 5 minutes, which
	// with the defaults above acts on throttles only. The time of the attempts
	// themselves is limited by the timeouts.
	Total time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 12
	}
	if r.Base <= 0 {
		r.Base = 500 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 20 * time.Second
	}
	if r.Total <= 0 {
		r.Total = 5 * time.Minute
	}
	return r
}

// wait is how long to pause after an attempt (from 1), for a chance in [0,1).
func (r Retry) wait(attempt int, chance float64) time.Duration {
	whole := r.Base
	for range attempt - 1 {
		if whole >= r.Max/2 {
			whole = r.Max
			break
		}
		whole *= 2
	}
	whole = min(whole, r.Max)
	return whole/2 + time.Duration(chance*float64(whole/2))
}
