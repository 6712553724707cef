package eci_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// documented are all codes of eci §2.2, §2.3, §2.5, §2.6 and §2.8 with their HTTP
// status, and what a caller must be able to tell. Then come codes of the gateway.
var documented = []struct {
	status int
	code   string
	want   error
}{
	{400, "Account.Arrearage", eci.ErrArrears},
	{400, "DryRunOperation", eci.ErrDryRun},
	{400, "DryRun.Success", eci.ErrDryRun},
	{400, "InvalidParameter.CPU.Memory", eci.ErrInvalid},
	{400, "IncorrectStatus", eci.ErrIncorrectStatus},
	{400, "ServiceNotEnabled", eci.ErrServiceNotEnabled},
	{400, "DiskVolume.NotSupport", eci.ErrNotSupported},
	{400, "RamRole.NotSupport", eci.ErrNotSupported},
	{400, "ImageCache.IncorrectStatus", eci.ErrIncorrectStatus},
	{400, "ImageCacheNotSupport", eci.ErrNotSupported},
	{400, "EipAddressPoolIpNotEnough", eci.ErrNoAddress},
	{400, "OperationConflict", eci.ErrConflict},
	{403, "OperationDenied.VswZoneMisMatch", eci.ErrInvalid},
	{403, "QuotaExceeded", eci.ErrQuota},
	{403, "Zone.NotOnSale", eci.ErrNoStock},
	{403, "Forbidden.RiskControl", eci.ErrAccount},
	{403, "Forbidden.SubUser", eci.ErrNoPermission},
	{403, "Forbidden.OnlyForInvitedTest", eci.ErrNotSupported},
	{403, "OperationDenied.SecurityGroupMisMatch", eci.ErrInvalid},
	{403, "InvalidVSwitchId.IpNotEnough", eci.ErrNoAddress},
	{403, "Forbidden.UserBussinessStatus", eci.ErrAccount},
	{403, "Forbidden.UserNotRealNameAuthentication", eci.ErrAccount},
	{403, "InvalidUser.PassRoleForbidden", eci.ErrNoPermission},
	{403, "OperationDenied.NoStock", eci.ErrNoStock},
	{403, "NoPermission", eci.ErrNoPermission},
	{403, "SecurityRisk.3DVerification", eci.ErrAccount},
	{403, "CreateServiceLinkedRole.Denied", eci.ErrNoPermission},
	{400, "NoNeedUpdate", eci.ErrNothingToUpdate},
	{400, "ImageSnapshot.IncorrectStatus", eci.ErrIncorrectStatus},
	{400, "ImageSnapshot.NotSupport", eci.ErrNotSupported},
	{400, "JobInstanceImageCacheNotSupport", eci.ErrNotSupported},
	{404, "ImageSnapshot.NotFound", eci.ErrNotFound},
	{403, "Throttling.Vcpu.PerDay", eci.ErrQuota},
	{403, "Spot.NotMatched", eci.ErrNoStock},
	{400, "Throttling", eci.ErrThrottled},
	{400, "InvalidParameter.DuplicatedName", eci.ErrInvalid},
	{400, "IdempotentParameterMismatch", eci.ErrIdempotentMismatch},
	{400, "Throttling.User", eci.ErrThrottled},
	{400, "Throttling.Api", eci.ErrThrottled},
	{400, "EipPurchaseFlowControl", eci.ErrThrottled},

	{404, "InvalidAccessKeyId.NotFound", eci.ErrCredentials},
	{400, "SignatureDoesNotMatch", eci.ErrCredentials},
	{400, "InvalidSecurityToken.Expired", eci.ErrExpiredToken},
	{400, "InvalidTimeStamp.Expired", eci.ErrClock},
	{400, "SignatureNonceUsed", eci.ErrUnavailable},
	{409, "IdempotentProcessing", eci.ErrConflict},
	{400, "LastTokenProcessing", eci.ErrConflict},
	{404, "InvalidRegionId.NotFound", eci.ErrInvalid},
	{404, "InvalidAction.NotFound", eci.ErrNotSupported},
	{404, "InvalidProduct.NotFound", eci.ErrNotSupported},
	{404, "InvalidApi.NotFound", eci.ErrNotSupported},
	{400, "UnsupportedHTTPMethod", eci.ErrNotSupported},
	{404, "InvalidImageCacheId.NotFound", eci.ErrNotFound},
	{404, "ContainerGroup.NotFound", eci.ErrNotFound},
	{404, "InvalidVSwitchId.NotFound", eci.ErrInvalid},
	{404, "InvalidParameter.NotFound", eci.ErrInvalid},
	{400, "MissingParameter", eci.ErrInvalid},
	{400, "InvalidParameter", eci.ErrInvalid},
	{403, "Forbidden.Something", eci.ErrNoPermission},
	{403, "QuotaExceeded.Cpu", eci.ErrQuota},
	{403, "Throttling.Gpu.PerDay", eci.ErrQuota},
	{400, "ThrottlingUser", eci.ErrThrottled},
	{400, "ContainerGroup.IncorrectStatus", eci.ErrIncorrectStatus},
	{400, "Gpu.NotSupported", eci.ErrNotSupported},
	{403, "Spot.NoStock", eci.ErrNoStock},
	{400, "ServiceUnavailable", eci.ErrUnavailable},
	{400, "InternalError", eci.ErrUnavailable},
	{500, "InvalidImageCacheId.NotFound", eci.ErrUnavailable},
	{503, "ServiceUnavailable", eci.ErrUnavailable},
	{500, "SomethingNew", eci.ErrUnavailable},
	{429, "", eci.ErrThrottled},
}

var kinds = []error{
	eci.ErrNotFound, eci.ErrInvalid, eci.ErrIncorrectStatus, eci.ErrConflict, eci.ErrNothingToUpdate, eci.ErrIdempotentMismatch, eci.ErrNotSupported,
	eci.ErrQuota, eci.ErrNoStock, eci.ErrNoAddress, eci.ErrThrottled, eci.ErrUnavailable, eci.ErrReply, eci.ErrNoPermission, eci.ErrCredentials,
	eci.ErrExpiredToken, eci.ErrClock, eci.ErrServiceNotEnabled, eci.ErrArrears, eci.ErrAccount, eci.ErrDryRun, eci.ErrNoRegion,
}

// TestCodes: every code is one kind of error, of which the text tells all that the
// service said, what was tried and what to do.
func TestCodes(t *testing.T) {
	for _, test := range documented {
		t.Run(test.code, func(t *testing.T) {
			s := serve(t, func(int, url.Values) answer { return refusal(test.status, test.code) })
			c, _ := client(t, s, func(c *eci.Config) { c.Retry.Attempts = 1 })
			_, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx"}})
			for _, kind := range kinds {
				if errors.Is(err, kind) != (kind == test.want) {
					t.Errorf("%v is %q: %t", err, kind, !errors.Is(err, kind) == (kind == test.want))
				}
			}
			var e *eci.Error
			if !errors.As(err, &e) || e.Code != test.code || e.HTTPStatus != test.status || e.RequestID != "R-ERR" || e.Action != "CreateImageCache" || e.Input != "web" {
				t.Fatalf("%+v", e)
			}
			for _, want := range []string{"CreateImageCache web", test.want.Error(), test.code, "R-ERR", strings.TrimSpace("about " + test.code), e.Advice} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if e.Advice == "" && test.want != eci.ErrNothingToUpdate && !strings.HasPrefix(test.code, "Missing") && !strings.HasPrefix(test.code, "Invalid") {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

// TestUnknownCode: what nothing is known of is an error with all that was said,
// and no kind.
func TestUnknownCode(t *testing.T) {
	s := serve(t, func(int, url.Values) answer { return refusal(400, "Brand.New") })
	c, clock := client(t, s)
	_, err := c.ListUsage(context.Background())
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			t.Errorf("%v is %q", err, kind)
		}
	}
	if want := "eci: ListUsage: Brand.New (HTTP 400): about Brand.New (request R-ERR)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if len(s.seen()) != 1 || len(clock.slept()) != 0 {
		t.Errorf("%d requests: an error that is not known to pass was repeated", len(s.seen()))
	}
}

// TestNotTheAPI: answers of something else on the way are told as such, and never
// taken for an empty list.
func TestNotTheAPI(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		want   string
		kind   error
	}{
		{"page", answer{200, "<html>log in</html>", false}, "not the JSON of the API", eci.ErrReply},
		{"other JSON", answer{200, `{"ok":true}`, false}, "no RequestId", eci.ErrReply},
		{"list", answer{200, `[]`, false}, "not the JSON of the API", eci.ErrReply},
		{"null", answer{200, `null`, false}, "no RequestId", eci.ErrReply},
		{"no list", answer{200, `{"RequestId":"R","TotalCount":0}`, false}, "no ImageCaches (request R)", eci.ErrReply},
		{"no list but a text", answer{200, `{"RequestId":"R","ImageCaches":"none"}`, false}, "no ImageCaches", eci.ErrReply},
		{"refused well", answer{200, `{"RequestId":"R","Code":"Brand.New","Message":"m"}`, false}, "Brand.New (HTTP 200): m", nil},
		{"redirect", answer{302, "", false}, "redirects elsewhere", nil},
		{"proxy", answer{407, "<html>", false}, "not the JSON of the API", nil},
		{"gateway", answer{404, `{"message":"no route"}`, false}, "not an error of the API", nil},
		{"code of no form", answer{400, `{"Code":"<b>no</b>"}`, false}, "not an error of the API", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, func(int, url.Values) answer { return test.answer })
			c, _ := client(t, s)
			_, err := c.AllImageCaches(context.Background(), eci.ImageCacheQuery{})
			if err == nil || !strings.Contains(err.Error(), test.want) || test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if len(s.seen()) != 1 {
				t.Errorf("%d requests", len(s.seen()))
			}
		})
	}
}

// TestRefusedBeforeSending names the field, and sends nothing.
func TestRefusedBeforeSending(t *testing.T) {
	ctx := context.Background()
	s := serve(t, func(int, url.Values) answer { return ok(`{"RequestId":"R"}`) })
	c, _ := client(t, s)
	cache := func(change func(*eci.ImageCacheSpec)) error {
		spec := eci.ImageCacheSpec{Name: "n", Images: []string{"i"}}
		change(&spec)
		_, err := c.CreateImageCache(ctx, spec)
		return err
	}
	group := func(change func(*eci.ContainerGroupSpec)) error {
		spec := eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}}
		change(&spec)
		_, err := c.CreateContainerGroup(ctx, spec)
		return err
	}
	many := func(n int) []string { return strings.Fields(strings.Repeat("x ", n)) }
	for _, test := range []struct {
		field string
		err   error
	}{
		{"name", cache(func(s *eci.ImageCacheSpec) { s.Name = "" })},
		{"images", cache(func(s *eci.ImageCacheSpec) { s.Images = nil })},
		{"images", cache(func(s *eci.ImageCacheSpec) { s.Images = many(21) })},
		{"images[1]", cache(func(s *eci.ImageCacheSpec) { s.Images = []string{"i", ""} })},
		{"sizeGiB", cache(func(s *eci.ImageCacheSpec) { s.SizeGiB = 19 })},
		{"sizeGiB", cache(func(s *eci.ImageCacheSpec) { s.SizeGiB = 32769 })},
		{"retentionDays", cache(func(s *eci.ImageCacheSpec) { s.RetentionDays = -1 })},
		{"retentionDays", cache(func(s *eci.ImageCacheSpec) { s.RetentionDays = 65537 })},
		{"elimination", cache(func(s *eci.ImageCacheSpec) { s.Elimination = "lru" })},
		{"flashCopies", cache(func(s *eci.ImageCacheSpec) { s.FlashCopies = -1 })},
		{"tags", cache(func(s *eci.ImageCacheSpec) { s.Tags = make([]eci.Tag, 21) })},
		{"tags[0].key", cache(func(s *eci.ImageCacheSpec) { s.Tags = []eci.Tag{{Value: "v"}} })},
		{"vSwitchIds", cache(func(s *eci.ImageCacheSpec) { s.VSwitchIDs = many(11) })},
		{"vSwitchIds[0]", cache(func(s *eci.ImageCacheSpec) { s.VSwitchIDs = []string{"a,b"} })},
		{"acr[0].instanceId", cache(func(s *eci.ImageCacheSpec) { s.ACR = []eci.ACRRegistry{{InstanceName: "x"}} })},
		{"acr", cache(func(s *eci.ImageCacheSpec) { s.ACR = make([]eci.ACRRegistry, 21) })},
		{"registryCredentials", cache(func(s *eci.ImageCacheSpec) { s.RegistryCredentials = make([]eci.RegistryCredential, 11) })},
		{"registryCredentials[0].server", cache(func(s *eci.ImageCacheSpec) {
			s.RegistryCredentials = []eci.RegistryCredential{{Server: "https://r", UserName: "u", Password: "pass-word"}}
		})},
		{"plainHTTPHosts[0]", cache(func(s *eci.ImageCacheSpec) { s.PlainHTTPHosts = []string{"http://h"} })},
		{"osType", cache(func(s *eci.ImageCacheSpec) { s.OSType = "Plan9" })},
		{"clientToken", cache(func(s *eci.ImageCacheSpec) { s.ClientToken = strings.Repeat("x", 65) })},
		{"clientToken", cache(func(s *eci.ImageCacheSpec) { s.ClientToken = "tökén" })},
		{"id", c.UpdateImageCache(ctx, eci.ImageCacheUpdate{})},
		{"acr[0]", c.UpdateImageCache(ctx, eci.ImageCacheUpdate{ID: "i", ACR: []eci.ACRRegistry{{InstanceID: "c", ARNUser: "a"}}})},
		{"id", c.DeleteImageCache(ctx, "", "")},
		{"fullMatch", second(c.DescribeImageCaches(ctx, eci.ImageCacheQuery{FullMatch: true}))},
		{"matchCount", second(c.DescribeImageCaches(ctx, eci.ImageCacheQuery{MatchCount: 1}))},
		{"matchImages", second(c.DescribeImageCaches(ctx, eci.ImageCacheQuery{MatchImages: many(101)}))},
		{"name", group(func(s *eci.ContainerGroupSpec) { s.Name = "Web" })},
		{"name", group(func(s *eci.ContainerGroupSpec) { s.Name = "w" })},
		{"containers", group(func(s *eci.ContainerGroupSpec) { s.Containers = nil })},
		{"containers", group(func(s *eci.ContainerGroupSpec) { s.Containers = make([]eci.Container, 21) })},
		{"containers[0].image", group(func(s *eci.ContainerGroupSpec) { s.Containers[0].Image = "" })},
		{"containers[0].pullPolicy", group(func(s *eci.ContainerGroupSpec) { s.Containers[0].PullPolicy = "always" })},
		{"containers[0].args", group(func(s *eci.ContainerGroupSpec) { s.Containers[0].Args = many(11) })},
		{"containers[0].ports[0].port", group(func(s *eci.ContainerGroupSpec) { s.Containers[0].Ports = []eci.Port{{}} })},
		{"initContainers[0].name", group(func(s *eci.ContainerGroupSpec) { s.InitContainers = []eci.Container{{Name: "c", Image: "i"}} })},
		{"vCPU", group(func(s *eci.ContainerGroupSpec) { s.VCPU = 65 })},
		{"ephemeralStorageGiB", group(func(s *eci.ContainerGroupSpec) { s.EphemeralStorageGiB = 5001 })},
		{"activeDeadlineSeconds", group(func(s *eci.ContainerGroupSpec) { s.ActiveDeadline = 1500 * time.Millisecond })},
		{"maxPendingSeconds", group(func(s *eci.ContainerGroupSpec) { s.MaxPending = 90 * time.Second })},
		{"autoCreateEIP", group(func(s *eci.ContainerGroupSpec) { s.AutoCreateEIP, s.EIPInstanceID = true, "eip-1" })},
		{"fixedIPRetainHours", group(func(s *eci.ContainerGroupSpec) { s.FixedIPRetainHours = -1 })},
		{"dataCacheProvisionedIOPS", group(func(s *eci.ContainerGroupSpec) { s.DataCacheProvisionedIOPS = -1 })},
		{"spotDurationHours", group(func(s *eci.ContainerGroupSpec) { s.SpotDurationHours = ptr(-1) })},
		{"osType", group(func(s *eci.ContainerGroupSpec) { s.OSType = "Plan9" })},
		{"spotDurationHours", second(c.DescribeContainerGroupPrice(ctx, eci.PriceQuery{InstanceType: "t", SpotDurationHours: ptr(-1)}))},
		{"id", c.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{})},
		{"ids", second(c.DescribeContainerGroups(ctx, eci.ContainerGroupQuery{IDs: many(21)}))},
		{"limit", second(c.DescribeContainerGroups(ctx, eci.ContainerGroupQuery{Limit: 21}))},
		{"sinceSeconds", second(c.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{Since: time.Second}))},
		{"vCPU", second(c.DescribeContainerGroupPrice(ctx, eci.PriceQuery{VCPU: 1}))},
	} {
		var e *eci.Error
		if !errors.As(test.err, &e) || !errors.Is(e, eci.ErrInvalid) || e.Field != test.field || e.Action == "" || !strings.Contains(e.Error(), e.Field+": ") {
			t.Errorf("got %v, want one about %s", test.err, test.field)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	// The service's limit of this count is not documented.
	if _, err := c.DescribeImageCaches(ctx, eci.ImageCacheQuery{MatchImages: []string{"i"}, MatchCount: 101}); errors.Is(err, eci.ErrInvalid) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"good cache": eci.ImageCacheSpec{Name: "n", Images: many(20)}.Check(0), "more images": eci.ImageCacheSpec{Name: "n", Images: many(21)}.Check(30),
		"short wait":  eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}, MaxPending: time.Minute}.Check(),
		"good update": eci.ImageCacheUpdate{ID: "i"}.Check(0), "good group": fullGroup.Check(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"cache": eci.ImageCacheSpec{Name: "n", Images: many(21)}.Check(0), "update": eci.ImageCacheUpdate{}.Check(0), "group": eci.ContainerGroupSpec{}.Check(),
	} {
		if !errors.Is(err, eci.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// isKinds are the kinds that an error is of.
func isKinds(err error) []error {
	var is []error
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			is = append(is, kind)
		}
	}
	return is
}

// TestRefusedWell: an error in an answer of HTTP status 200 is told by its code; where
// nothing is known of that, the call may have taken effect. A code that says that all
// went well is no error.
func TestRefusedWell(t *testing.T) {
	for body, uncertain := range map[string]bool{
		`{"RequestId":"R","Code":"Brand.New"}`: true, `{"RequestId":"R","Code":"QuotaExceeded"}`: false, `{"RequestId":"R","Code":"OK"}`: false,
	} {
		s := serve(t, func(int, url.Values) answer { return ok(body) })
		c, _ := client(t, s)
		err := c.DeleteImageCache(context.Background(), "imc-1", "")
		var e *eci.Error
		if well := strings.Contains(body, "OK"); errors.As(err, &e) == well || !well && (e.Uncertain != uncertain || e.HTTPStatus != 200 || e.RequestID != "R") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestErrorsTellTheTruth: how often a request was sent, the HTTP status and the input
// are those that were.
func TestErrorsTellTheTruth(t *testing.T) {
	ctx := context.Background()
	s := serve(t, func(n int, _ url.Values) answer {
		if n == 0 {
			return refusal(500, "InternalError")
		}
		return answer{203, `{"RequestId":"R"}`, false}
	})
	c, _ := client(t, s)
	_, err := c.CreateImageCache(ctx, eci.ImageCacheSpec{Name: "n", Images: []string{"i"}})
	var e *eci.Error
	if !errors.As(err, &e) || e.Attempts != 2 || e.HTTPStatus != 203 || e.Kind != eci.ErrReply {
		t.Errorf("%+v", e)
	}
	_, err = c.DescribeImageCaches(ctx, eci.ImageCacheQuery{ID: "imc-1", Name: "web"})
	if !errors.As(err, &e) || e.Input != "imc-1 web" || e.Uncertain {
		t.Errorf("%+v", e)
	}
	c, _ = client(t, s, func(c *eci.Config) {
		c.Credentials = eci.Credentials{Source: func(context.Context) (eci.AccessKey, error) { return eci.AccessKey{}, nil }}
	})
	if _, err = c.ListUsage(ctx); !errors.As(err, &e) || e.Attempts != 0 || e.Kind != eci.ErrCredentials {
		t.Errorf("%+v", e)
	}
}
