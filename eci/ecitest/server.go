// Package ecitest is an Alibaba Cloud ECI endpoint in a process: it speaks the
// service's wire, so that clients, commands and whole experiments can be tested
// without an account.
//
// The model: one handler verifies each request as the service's gateway does
// (signature, timestamp, nonce, token buckets) and then does what the action asks
// for in the memory of a region. What is made gets a schedule at once, from the
// project's own models: images are those of a registry or an Inventory, matching
// is package matcher's, a start and the pulls of a cache's build take what package
// simulate says on a profile. What a caller sees is that schedule at the clock's
// time, so there is no goroutine and no sleep, and one seed gives one history.
// The clock is the caller's: real, advanced by a test, or by each request, so that
// a poller, also of another process, drives an experiment of an hour in a second.
//
// Of accounts it knows their standing (AccountState), not RAM policies; of networks that
// a cache needs a vSwitch and a security group, which it asks for only with
// Options.RequireNetwork, for the documentation contradicts itself there (eci §2.2); of
// stock nothing but faults. Job instances, container logs and execs, volumes and data
// caches it does not know: their parameters are read, refused where their form is wrong,
// and have no effect. What no page documents is marked so where it is decided.
//
// Starts do not slow each other down. On the built-in profile of ECI they do not in
// package simulate either (a test holds this): an instance has an interface of its own,
// and a limit of the registry's egress is not published; what they share, the rate at
// which groups are made, is the API's token bucket here. On a profile whose registry has
// a limit a start takes here what it takes alone. Sharing it truly is not for this clock:
// a schedule is settled when a group is made, since a caller may read any of it from then
// on, and a later start would have to change what was told; and where requests advance
// the clock, how many starts overlap says how often the caller asks, nothing of a service.
// For fleets there is package simulate.
//
// Source of the rules: Alibaba Cloud's ECI documentation as collected in the
// project's fact sheet, cited as "eci §".
//
// Use: NewServer, hand its URL to a client, advance its clock; then ask it for
// Caches, Groups, Calls and Leftovers.
package ecitest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// Resolver looks a reference up on a platform: an Inventory with its one image. An
// error, or no image, is an image that cannot be pulled.
type Resolver func(ctx context.Context, reference, platform string) (*layers.Inventory, error)

// Options say how a server behaves. The zero value is a server of its own key, on
// a clock that stands still, where every reference is an image.
type Options struct {
	// Clock is the time that resources live in; nil is a FakeClock of 1 March 2026
	// that only a test advances (Server.Advance).
	Clock Clock
	// SignatureTime is what Timestamps and the end of tokens are compared with, and
	// the Date of answers; nil is this machine's time, which is what clients stamp.
	SignatureTime func() time.Time
	// AccessKeys may call; empty is TestKey.
	AccessKeys []AccessKey
	// Regions exist; empty are DefaultRegions.
	Regions []Region
	// Seed decides IDs, draws and faults.
	Seed uint64
	// Profile is how long things take; nil is the built-in profile of ECI.
	Profile *simulate.Profile
	// Policy reads what the service does not document; nil is
	// matcher.DefaultPolicy. Its quotas are the region's.
	Policy *matcher.Policy
	// Prices are asked for by DescribeContainerGroupPrice; nil is cost.China.
	Prices *cost.Book
	// Inventory has the images, or Resolve looks them up, at every pull. Without
	// either every reference is an image, of invented layers.
	Inventory *layers.Inventory
	Resolve   Resolver
	// Platform is that of instances where a group does not state its architecture;
	// empty is layers.DefaultPlatform.
	Platform string
	// Limits replace those of DefaultLimits by action; the zero Limit is none.
	Limits map[string]Limit
	// MaxVCPU is how many vCPU the groups of a region may have; 0 is
	// DefaultMaxVCPU.
	MaxVCPU float64
	// Runtimes say how long containers run, by image; others by their command
	// (see runtimeOf).
	Runtimes map[string]Runtime
	// Termination is how long a group is Terminating when it is not forced; 0 is
	// DefaultTermination.
	Termination time.Duration
	// LowerCamelEvents writes the keys of events in lower camel case, as some pages
	// show them (eci §0 point 4).
	LowerCamelEvents bool
	// UpdateByParameters makes an update that states what a cache is already NoNeedUpdate
	// though its tags mean other images by now. Which of the two the service does is not
	// documented (eci §2.3).
	UpdateByParameters bool
	// SilentUpdates adds no events for an update.
	SilentUpdates bool
	// RequireNetwork refuses an image cache without a vSwitch or a security group: the
	// pages say that they are required, the API's schema that they are not (eci §2.2).
	RequireNetwork bool
	// Account is the account's standing, until a fault or SetAccount changes it.
	Account AccountState
	// Strict refuses parameters that the action does not have; otherwise they are
	// only noted in Calls.
	Strict bool
	// Faults go wrong from the beginning.
	Faults Faults
}

// DefaultTermination is how long a group is Terminating: containers that stop when
// they are told to, not after the 30 s of grace (eci §2.6). Assumed.
const DefaultTermination = 2 * time.Second

// DefaultMaxVCPU is a placeholder: the quota is not published.
const DefaultMaxVCPU = 10_000

// Server is an ECI endpoint. It is an http.Handler, safe for concurrent use.
type Server struct {
	// URL is where a Server of NewServer listens; empty for one of NewHandler.
	URL      string
	listener *httptest.Server

	mu     sync.Mutex
	opt    Options
	policy matcher.Policy
	// ids are drawn from where something is made, requests with every request.
	ids, requests *rand.Rand
	// sequence numbers all that is made, in order.
	sequence int
	images   images
	caches   []*cache
	groups   []*group
	groupIDs map[string]*group
	// due is when something next ends by itself; settle has nothing to do before.
	due     time.Time
	nonces  nonces
	tokens  map[string]*tokenUse
	buckets map[string]*bucket
	faults  faultState
	account AccountState
	log     callLog
}

// NewServer is a server that listens on loopback until it is closed.
func NewServer(opt Options) *Server {
	s := NewHandler(opt)
	s.listener = httptest.NewServer(s)
	s.URL = s.listener.URL
	return s
}

// NewHandler is a server that does not listen by itself. A profile, a platform or an
// account's state that cannot be is a mistake of the test: it panics.
func NewHandler(opt Options) *Server {
	if opt.Clock == nil {
		opt.Clock = NewFakeClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 0)
	}
	if opt.SignatureTime == nil {
		opt.SignatureTime = time.Now
	}
	if len(opt.AccessKeys) == 0 {
		opt.AccessKeys = []AccessKey{TestKey()}
	}
	if len(opt.Regions) == 0 {
		opt.Regions = DefaultRegions()
	}
	if opt.Profile == nil {
		opt.Profile = simulate.ECI()
	}
	if opt.Prices == nil {
		book := cost.China()
		opt.Prices = &book
	}
	opt.Platform = cmp.Or(opt.Platform, layers.DefaultPlatform)
	if err := errors.Join(opt.Profile.Validate(), layers.CheckPlatform(opt.Platform)); err != nil {
		panic(fmt.Sprintf("ecitest: %v", err))
	}
	if !opt.Account.known() {
		panic(fmt.Sprintf("ecitest: account %q is none of %q", opt.Account, AccountStates()))
	}
	opt.MaxVCPU = cmp.Or(opt.MaxVCPU, DefaultMaxVCPU)
	opt.Termination = cmp.Or(opt.Termination, DefaultTermination)
	s := &Server{
		opt: opt, policy: matcher.DefaultPolicy(), ids: rand.New(rand.NewPCG(opt.Seed, 1)), requests: rand.New(rand.NewPCG(opt.Seed, 2)),
		groupIDs: make(map[string]*group), tokens: make(map[string]*tokenUse), buckets: make(map[string]*bucket),
	}
	if opt.Policy != nil {
		s.policy = *opt.Policy
	}
	s.account = opt.Account
	s.images = newImages(&s.opt)
	s.faults.add(opt.Faults, opt.Seed)
	return s
}

// Close stops listening and waits for the requests under way.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.CloseClientConnections()
		s.listener.Close()
	}
}

// Advance lets time pass on the server's clock; false says that it has one that
// cannot be advanced.
func (s *Server) Advance(d time.Duration) bool {
	clock, ok := s.opt.Clock.(interface{ Advance(time.Duration) })
	if ok {
		clock.Advance(d)
	}
	return ok
}

// Now is the time that the server's resources live in.
func (s *Server) Now() time.Time { return s.opt.Clock.Now() }

// call is one request that was let in.
type call struct {
	ctx     context.Context
	action  string
	region  string
	now     time.Time
	given   *parameters
	request string
	// effect is what it made or did, for the log.
	effect string
	fault  *rule
}

// action does what a call asks for and returns the answer's body. It must check
// everything, and then call.checked, before it changes anything.
type action func(*Server, *call) (any, *refusal)

func actions() map[string]action {
	return map[string]action{
		"CreateImageCache":             (*Server).createImageCache,
		"UpdateImageCache":             (*Server).updateImageCache,
		"DeleteImageCache":             (*Server).deleteImageCache,
		"DescribeImageCaches":          (*Server).describeImageCaches,
		"CreateContainerGroup":         (*Server).createContainerGroup,
		"DeleteContainerGroup":         (*Server).deleteContainerGroup,
		"DescribeContainerGroups":      (*Server).describeContainerGroups,
		"DescribeContainerGroupEvents": (*Server).describeContainerGroupEvents,
		"DescribeContainerGroupStatus": (*Server).describeContainerGroupStatus,
		"DescribeContainerGroupPrice":  (*Server).describeContainerGroupPrice,
		"ListUsage":                    (*Server).listUsage,
		"DescribeRegions":              (*Server).describeRegions,
	}
}

// checked ends the checks of a call: what is wrong with its parameters, which it
// should not have, or that it was only to be checked (DryRun).
func (s *Server) checked(c *call) *refusal {
	dry := c.given.flag("DryRun")
	c.given.accept("RegionId", "ClientToken", "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount", "VkClientVersion")
	unknown := c.given.unknown()
	switch {
	case c.given.fault != nil:
		return c.given.fault
	case s.opt.Strict && len(unknown) > 0:
		return invalid(unknown[0], "%s has no such parameter (the server is strict)", c.action)
	case dry:
		return passed()
	}
	return nil
}

// settle lets end by itself what ends until now: retentions, updates, what is kept
// of failed caches and ended groups.
func (s *Server) settle(now time.Time) {
	if now.Before(s.due) {
		return
	}
	var due time.Time
	next := func(t time.Time) {
		if t.After(now) && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	s.caches = slices.DeleteFunc(s.caches, func(c *cache) bool { return c.settle(now, next) })
	s.settleGroups(now, next)
	if due.IsZero() {
		due = now.Add(time.Hour)
	}
	s.due = due
}

// changed makes the next settle look at everything.
func (s *Server) changed() { s.due = time.Time{} }
