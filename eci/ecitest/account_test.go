package ecitest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// TestAccountStates: each state refuses creations by the code that eci §2.2 lists, which
// the client takes for what it is; what was made before can be removed where only making
// is refused, and not otherwise.
func TestAccountStates(t *testing.T) {
	kinds := map[ecitest.AccountState]struct {
		code   string
		status int
		kind   error
		making bool
	}{
		ecitest.AccountArrears:        {"Account.Arrearage", 400, eci.ErrArrears, true},
		ecitest.AccountRiskControl:    {"Forbidden.RiskControl", 403, eci.ErrAccount, true},
		ecitest.Account3DVerification: {"SecurityRisk.3DVerification", 403, eci.ErrAccount, true},
		ecitest.AccountNotEnabled:     {"ServiceNotEnabled", 400, eci.ErrServiceNotEnabled, false},
		ecitest.AccountNoRealName:     {"Forbidden.UserNotRealNameAuthentication", 403, eci.ErrAccount, false},
		ecitest.AccountBusinessStatus: {"Forbidden.UserBussinessStatus", 403, eci.ErrAccount, false},
		ecitest.AccountSubUser:        {"Forbidden.SubUser", 403, eci.ErrNoPermission, false},
	}
	states := ecitest.AccountStates()
	if len(states) != len(kinds) {
		t.Fatalf("%d states, want %d", len(states), len(kinds))
	}
	for _, state := range states {
		t.Run(string(state), func(t *testing.T) {
			want := kinds[state]
			s, wire := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, time.Second)})
			key := ecitest.TestKey()
			c, err := eci.New(eci.Config{
				RegionID: "cn-hangzhou", Endpoint: s.URL, Retry: eci.Retry{Attempts: 1}, NoLimiter: true,
				Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, spec := t.Context(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}}
			made, err := c.CreateImageCache(ctx, spec)
			if err != nil {
				t.Fatal(err)
			}
			// From the second creation on, by a fault; it ends with the faults.
			s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: "CreateImageCache", Kind: ecitest.FaultAccount, Account: state, Nth: 2}}})
			if _, err := c.CreateImageCache(ctx, spec); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := c.CreateImageCache(ctx, spec); !errors.Is(err, want.kind) {
					t.Errorf("a creation: %v", err)
				}
			}
			wire.refused(want.status, want.code, "CreateContainerGroup", groupParameters("web", []string{"web:1"})...)
			wire.refused(want.status, want.code, "UpdateImageCache", "ImageCacheId", made.ID, "ImageCacheSize", "40")
			_, listErr := c.AllImageCaches(ctx, eci.ImageCacheQuery{})
			deleteErr := c.DeleteImageCache(ctx, made.ID, "")
			for _, err := range []error{listErr, deleteErr} {
				if want.making && err != nil || !want.making && !errors.Is(err, want.kind) {
					t.Errorf("list and delete: %v", err)
				}
			}
			if _, err := c.DescribeRegions(ctx); err != nil {
				t.Error(err)
			}
			s.ClearFaults()
			if _, err := c.CreateImageCache(ctx, spec); err != nil {
				t.Error(err)
			}
			if !s.SetAccount(state) || s.SetAccount("rich") {
				t.Error("states are taken that are none, or the other way round")
			}
			if _, err := c.CreateImageCache(ctx, spec); !errors.Is(err, want.kind) {
				t.Error(err)
			}
		})
	}
}

// TestUnusedParameters: what nothing depends on is taken in its form alone, so that a
// caller who encodes it wrongly is told.
func TestUnusedParameters(t *testing.T) {
	_, c := serve(t, ecitest.Options{Strict: true})
	group := groupParameters("web", []string{"web:1"})
	c.do("CreateContainerGroup", append(group, "AutoCreateEip", "true", "EipBandwidth", "5", "Volume.1.Name", "v", "Volume.1.Type", "EmptyDirVolume",
		"PlainHttpRegistry", "a.example.com,b.example.com:5000", "MaxPendingMinute", "10", "SpotPriceLimit", "0.250000", "Container.1.Tty", "false",
		"Container.1.VolumeMount.1.MountPath", "/x", "NtpServer.1", "ntp.example.com", "ComputeCategory.1", "economy")...)
	for _, wrong := range [][]string{
		{"AutoCreateEip", "yes"}, {"EipBandwidth", "5.0"}, {"Volume.Name", "v"}, {"Volume.0.Name", "v"}, {"NtpServer", "ntp.example.com"}, {"MaxPendingMinute", "9"}, {"MaxPendingMinute", "1441"},
		{"SpotPriceLimit", "cheap"}, {"PlainHttpRegistry", "http://a.example.com"}, {"InsecureRegistry", "a.example.com, b.example.com"}, {"Container.1.Tty", "<[]string Value>"},
		{"Container.1.VolumeMount.x.MountPath", "/x"}, {"ComputeCategory.one", "economy"}, {"DataCacheProvisionedIops", "many"}, {"DataCacheSize", "1"}, {"FixedIpRetainHour", "-1"},
	} {
		c.refused(400, "InvalidParameter", "CreateContainerGroup", append(group, wrong...)...)
	}
	c.refused(400, "InvalidParameter", "CreateImageCache", append(cacheParameters("web", []string{"web:1"}), "PlainHttpRegistry", "https://a.example.com")...)
}

// TestStartsAlone holds what the package says: on the built-in profile of ECI starts do
// not slow each other in package simulate, so that here they need not.
func TestStartsAlone(t *testing.T) {
	inv := inventory(t, "web:1 base:50 web:300")
	ready := func(starts int) (last time.Duration) {
		all := func(yield func(*simulate.Start) bool) {
			for i := range starts {
				if !yield(&simulate.Start{App: fmt.Sprint(i), Images: []int{0}}) {
					return
				}
			}
		}
		err := simulate.Stream(t.Context(), inv, simulate.ECI(), all, simulate.Options{Seed: 1}, func(_ int, s *simulate.Startup) { last = max(last, s.Ready) })
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	// As many as are admitted at once (eci §2.8).
	if alone, together := ready(1), ready(100); alone != together || alone == 0 {
		t.Errorf("a start takes %v alone, %v among 100", alone, together)
	}
}

// TestLeftoverHelpers: what is left tells of the instance that builds a cache, which
// costs money too and goes with it.
func TestLeftoverHelpers(t *testing.T) {
	s, c := serve(t, ecitest.Options{})
	made := c.do("CreateImageCache", cacheParameters("web", []string{"web:1"})...)
	want := fmt.Sprintf("cache %s \"web\" Preparing, built by group %s", made.text("ImageCacheId"), made.text("ContainerGroupId"))
	if left := s.Leftovers(); len(left) != 1 || left[0] != want {
		t.Errorf("%q, want %q", left, want)
	}
	c.do("DeleteImageCache", "ImageCacheId", made.text("ImageCacheId"))
	if left := s.Leftovers(); len(left) != 0 {
		t.Errorf("%q", left)
	}
}
