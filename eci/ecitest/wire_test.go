package ecitest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestIdempotence: a client token makes one thing however often it is sent, also
// when the first answer is lost; for something else it is refused (eci §2.8).
func TestIdempotence(t *testing.T) {
	s, c := plain(t, fleet...)
	cache := append(cacheParameters("web", []string{"web:1"}), "ClientToken", "cache-token")
	group := append(groupParameters("web", []string{"web:1"}), "ClientToken", "group-token")
	s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{
		{Action: "CreateImageCache", Kind: ecitest.FaultUnreached, Nth: 1}, {Action: "CreateImageCache", Kind: ecitest.FaultError, Nth: 2, Status: 503},
		{Action: "CreateImageCache", Kind: ecitest.FaultLost, Nth: 3}, {Action: "CreateImageCache", Kind: ecitest.FaultTruncated, Nth: 4},
		{Action: "CreateContainerGroup", Kind: ecitest.FaultLost, Nth: 1}, {Action: "DeleteContainerGroup", Kind: ecitest.FaultLost, Nth: 1},
	}})
	// untilAnswered calls as a client does: again, newly signed, while there is no
	// answer or 5xx.
	untilAnswered := func(action string, pairs ...string) (*reply, int) {
		for n := 1; ; n++ {
			if r, err := c.send(c.parameters(action, pairs...)); err == nil && r.status < 500 {
				return r, n
			}
		}
	}
	for _, test := range []struct {
		action, id string
		pairs      []string
		attempts   int
	}{
		{"CreateImageCache", "ImageCacheId", cache, 5},
		{"CreateContainerGroup", "ContainerGroupId", group, 2},
	} {
		first, n := untilAnswered(test.action, test.pairs...)
		if n != test.attempts {
			t.Errorf("%s was answered at attempt %d, want %d", test.action, n, test.attempts)
		}
		second := c.do(test.action, test.pairs...)
		if s.Created(test.action) != 1 || first.text(test.id) == "" || first.text(test.id) != second.text(test.id) {
			t.Errorf("%s made %d, answered %s and %s", test.action, s.Created(test.action), first.text(test.id), second.text(test.id))
		}
		if first.text("RequestId") == second.text("RequestId") {
			t.Error("two requests have one ID")
		}
		c.refused(400, "IdempotentParameterMismatch", test.action, append(slices.Clone(test.pairs), "ResourceGroupId", "other")...)
		if c.do(test.action, append(slices.Clone(test.pairs), "ClientToken", test.action+"-2")...); s.Created(test.action) != 2 {
			t.Errorf("another token made %d in all, want 2", s.Created(test.action))
		}
	}
	id := s.Groups()[0].ID
	r, n := untilAnswered("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true", "ClientToken", "delete")
	if r.status != http.StatusOK || n != 2 {
		t.Errorf("a deletion whose answer was lost: %s at attempt %d; its token gives the first result", r.raw, n)
	}
	c.refused(404, "ContainerGroup.NotFound", "DeleteContainerGroup", "ContainerGroupId", id, "ClientToken", "later")

	// What was refused was not done: its token may be tried again.
	wrong := cacheParameters("again", []string{"web:1"})
	c.refused(400, "InvalidParameter", "CreateImageCache", append(wrong, "ImageCacheSize", "1", "ClientToken", "again")...)
	c.do("CreateImageCache", append(wrong, "ImageCacheSize", "20", "ClientToken", "again")...)
}

// TestPages: pages list what was there all along exactly once, while other things
// come and go.
func TestPages(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	s, c := serve(t, ecitest.Options{Limits: map[string]ecitest.Limit{"CreateContainerGroup": {}, "CreateImageCache": {}}})
	type kind struct {
		describe, list, id string
		limit              int
		create             func() string
		remove             func(string)
	}
	for _, k := range []kind{
		{"DescribeContainerGroups", "ContainerGroups", "ContainerGroupId", 7,
			func() string { return c.createGroup("web", []string{"nginx:1.27"}) },
			func(id string) { c.do("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true") }},
		{"DescribeContainerGroupStatus", "Data", "ContainerGroupId", 20,
			func() string { return c.createGroup("web", []string{"nginx:1.27"}) },
			func(id string) { c.do("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true") }},
		{"DescribeImageCaches", "ImageCaches", "ImageCacheId", 4,
			func() string { return c.createCache("web", []string{"nginx:1.27"}) },
			func(id string) { c.do("DeleteImageCache", "ImageCacheId", id) }},
	} {
		stay, others := map[string]bool{}, []string{}
		for range 25 {
			stay[k.create()] = true
			others = append(others, k.create())
			s.Advance(time.Second)
		}
		seen := make(map[string]int)
		for token, pages := "", 0; ; {
			r := c.do(k.describe, "Limit", fmt.Sprint(k.limit), "NextToken", token)
			rows := r.list(k.list)
			if pages++; len(rows) > k.limit || pages > 30 {
				t.Fatalf("%s: page %d has %d rows", k.describe, pages, len(rows))
			}
			for _, row := range rows {
				seen[fmt.Sprint(at(row, k.id))]++
			}
			if token = r.text("NextToken"); token == "" {
				break
			}
			for range 3 {
				i := random.IntN(len(others))
				k.remove(others[i])
				others[i] = k.create()
			}
		}
		for id := range stay {
			if seen[id] != 1 {
				t.Errorf("%s: %s was there all along and is listed %d times", k.describe, id, seen[id])
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s is listed %d times", k.describe, id, n)
			}
		}
	}
	c.refused(400, "InvalidParameter", "DescribeImageCaches", "NextToken", "made-up")
	c.refused(400, "InvalidParameter", "DescribeContainerGroups", "Limit", "21")
	c.refused(400, "InvalidParameter", "DescribeContainerGroups", "ContainerGroupIds", "eci-1,eci-2")
}

// TestLimits: token buckets of eci §2.8.
func TestLimits(t *testing.T) {
	s, c := serve(t, ecitest.Options{})
	letIn := func(action string, calls int, pairs ...string) (n int) {
		for range calls {
			if r := c.try(action, pairs...); r.code() != "Throttling" {
				n++
			} else if r.status != 400 {
				t.Errorf("throttled with %d", r.status)
			}
		}
		return n
	}
	// A call without its parameters is refused later, but takes its token.
	for _, test := range []struct {
		action       string
		burst, after int // after 3 s more
	}{{"CreateContainerGroup", 100, 60}, {"DeleteContainerGroup", 100, 60}, {"CreateImageCache", 200, 10}} {
		if n := letIn(test.action, test.burst+30); n != test.burst {
			t.Errorf("%s: %d at once, want %d", test.action, n, test.burst)
		}
		s.Advance(3 * time.Second)
		if n := letIn(test.action, test.after+30); n != test.after {
			t.Errorf("%s: %d after 3 s, want %d", test.action, n, test.after)
		}
	}
	if n := letIn("DescribeImageCaches", 300); n != 300 {
		t.Errorf("DescribeImageCaches: %d of 300, no limit is listed", n)
	}
	s.Advance(time.Hour)
	if n := letIn("CreateContainerGroup", 150); n != 100 {
		t.Errorf("after an hour %d at once: the bucket holds 100", n)
	}
}

// TestFaults: which calls a rule takes, and what a caller sees.
func TestFaults(t *testing.T) {
	s, c := serve(t, ecitest.Options{Seed: 3})
	codes := func(n int) (all []string) {
		for range n {
			r, err := c.send(c.parameters("DescribeRegions"))
			switch {
			case r == nil:
				all = append(all, "lost")
			case err != nil:
				all = append(all, "garbage")
			default:
				all = append(all, fmt.Sprint(r.status, r.code()))
			}
		}
		return all
	}
	for _, test := range []struct {
		rules []ecitest.Fault
		want  string
	}{
		{[]ecitest.Fault{{Kind: "throttle", Nth: 2, Count: 2}}, "200 400Throttling 400Throttling 200 200"},
		{[]ecitest.Fault{{Kind: "throttle", Count: 2, Code: "Throttling.User"}}, "400Throttling.User 400Throttling.User 200 200 200"},
		{[]ecitest.Fault{{Kind: "error", Every: 2}}, "200 500InternalError 200 500InternalError 200"},
		{[]ecitest.Fault{{Kind: "error", Nth: 1, Status: 503}, {Kind: "error", Nth: 2, Status: 403, Code: "NoPermission"}}, "503ServiceUnavailable 403NoPermission 200 200 200"},
		{[]ecitest.Fault{{Kind: "expired-token", Nth: 5}}, "200 200 200 200 400InvalidSecurityToken.Expired"},
		{[]ecitest.Fault{{Kind: "truncated", Nth: 1}, {Kind: "garbage", Nth: 2}, {Kind: "lost", Nth: 3}, {Kind: "unreached", Nth: 4}}, "lost garbage lost lost 200"},
		{[]ecitest.Fault{{Action: "ListUsage", Kind: "error"}}, "200 200 200 200 200"},
		{[]ecitest.Fault{{Kind: "error"}}, "500InternalError 500InternalError 500InternalError 500InternalError 500InternalError"},
	} {
		s.ClearFaults()
		s.AddFaults(ecitest.Faults{Rules: test.rules})
		if got := strings.Join(codes(5), " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.rules, got, test.want)
		}
	}
	s.ClearFaults()
	s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Kind: "throttle", Fraction: 0.3}}})
	const n = 1000
	hit := 0
	for _, code := range codes(n) {
		if code != "200" {
			hit++
		}
	}
	if hit < n*25/100 || hit > n*35/100 {
		t.Errorf("%d of %d calls, want 30 %%", hit, n)
	}
}

// TestHang: a caller that gives up on an answer finds what it asked for done.
func TestHang(t *testing.T) {
	s, c := serve(t, ecitest.Options{Faults: ecitest.Faults{Rules: []ecitest.Fault{{Kind: ecitest.FaultHang, Nth: 1}}}})
	ctx, giveUp := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/?"+c.parameters("CreateImageCache", cacheParameters("web", []string{"web:1"})...).Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(request)
		ended <- err
	}()
	for s.Count("CreateImageCache") == 0 {
		runtime.Gosched()
	}
	giveUp()
	if err := <-ended; !errors.Is(err, context.Canceled) || s.Created("CreateImageCache") != 1 || !s.Calls()[0].Lost {
		t.Errorf("%v, %d made, %+v", err, s.Created("CreateImageCache"), s.Calls())
	}
}

// TestEventFaults: events that are missing or out of order.
func TestEventFaults(t *testing.T) {
	s, c := plain(t, fleet...)
	id := c.createGroup("web", []string{"web:1", "tool:1", "api:1"})
	s.Advance(time.Minute)
	whole := c.group(id).reasons()
	s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{
		{Action: "DescribeContainerGroups", Kind: ecitest.FaultEventsMissing, Nth: 1}, {Action: "DescribeContainerGroups", Kind: ecitest.FaultEventsShuffled, Nth: 2},
	}})
	if got := c.group(id).reasons(); len(got) != len(whole)/2 {
		t.Errorf("%d of %d events, want half", len(got), len(whole))
	}
	shuffled := c.group(id).reasons()
	same := slices.Equal(shuffled, whole)
	slices.Sort(shuffled)
	ordered := slices.Sorted(slices.Values(whole))
	if same || !slices.Equal(shuffled, ordered) {
		t.Errorf("events %v: want those of %v in another order", shuffled, whole)
	}
	if got := c.group(id).reasons(); !slices.Equal(got, whole) {
		t.Errorf("after the faults: %v", got)
	}
}

func TestFaultFile(t *testing.T) {
	faults, err := ecitest.ReadFaults("faults.yaml", []byte(`
apiVersion: cachebench/v1
kind: ECIFaults
clockSkewSeconds: -90
rules:
  - action: CreateContainerGroup
    kind: throttle
    nth: 1
    count: 50
  - kind: error
    status: 503
    fraction: 5%
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []ecitest.Fault{{Action: "CreateContainerGroup", Kind: "throttle", Nth: 1, Count: 50}, {Kind: "error", Status: 503, Fraction: 0.05}}
	if faults.ClockSkew != -90*time.Second || !slices.Equal(faults.Rules, want) {
		t.Errorf("read %+v, want %+v", faults, want)
	}
	for name, text := range map[string]string{
		"kind":     "apiVersion: cachebench/v1\nkind: ECIFaults\nrules: [{kind: explode}]",
		"action":   "apiVersion: cachebench/v1\nkind: ECIFaults\nrules: [{kind: error, action: CreateContainerGroups}]",
		"negative": "apiVersion: cachebench/v1\nkind: ECIFaults\nrules: [{kind: error, nth: -1}]",
		"share":    "apiVersion: cachebench/v1\nkind: ECIFaults\nrules: [{kind: error, fraction: 1.5}]",
		"count":    "apiVersion: cachebench/v1\nkind: ECIFaults\nrules: [{kind: error, every: 2, count: 5}]",
	} {
		if _, err := ecitest.ReadFaults("faults.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "faults.yaml:3") {
			t.Errorf("%s: %v, want a fault that names the line", name, err)
		}
	}
}

// TestEvents: both key styles, the sources, SinceSecond and the latest 50.
func TestEvents(t *testing.T) {
	for _, lower := range []bool{false, true} {
		s, c := serve(t, ecitest.Options{Profile: plainProfile(), LowerCamelEvents: lower})
		var images []string
		for i := range 16 {
			images = append(images, fmt.Sprintf("image%d:1", i))
		}
		id := c.createGroup("many", images, "AutoMatchImageCache", "true")
		s.Advance(90 * time.Second) // the pulls are under way
		key := func(name string) string {
			if lower {
				return strings.ToLower(name[:1]) + name[1:]
			}
			return name
		}
		events := func(more ...string) []any {
			r := c.do("DescribeContainerGroupEvents", append(more, "ContainerGroupIds", `["`+id+`"]`)...)
			if r.text("Data.0.ContainerGroupId") != id || r.text("Data.0.Name") != "many" || r.body["NextToken"] != nil {
				t.Errorf("answer %s", r.raw)
			}
			return r.list("Data.0.Events")
		}
		all := events()
		service, kubelet := events("EventSource", "EciService"), events("EventSource", "K8sAgent")
		if len(service) != 3 || len(service)+len(kubelet) != len(all) {
			t.Errorf("%d of the service and %d of the kubelet of %d", len(service), len(kubelet), len(all))
		}
		for path, want := range map[string]string{
			key("Reason"): "UserInstanceTypeSpec", key("Type"): "Normal", key("Source") + "." + key("Component"): "EciService", key("Count"): "1",
			key("FirstTimestamp"): "2026-03-01T00:00:00Z", key("LastTimestamp"): "2026-03-01T00:00:00Z", "involvedObject." + key("Name"): "many",
			"involvedObject." + key("Kind"): "Pod", key("Metadata") + "." + key("Namespace"): "default",
		} {
			if got := fmt.Sprint(at(all[0], path)); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
		}
		recent := slices.DeleteFunc(slices.Clone(all), func(e any) bool { return fmt.Sprint(at(e, key("LastTimestamp"))) < "2026-03-01T00:00:30Z" })
		if got := events("SinceSecond", "60"); fmt.Sprint(got) != fmt.Sprint(recent) || len(recent) == 0 || len(recent) == len(all) {
			t.Errorf("%d events in the last minute, want %d of %d", len(got), len(recent), len(all))
		}
		s.Advance(time.Hour)
		if got := events(); len(got) != 50 || at(got[49], key("Message")) != "Started container c16" {
			t.Errorf("%d events are kept, want the latest 50 of 67", len(got))
		}
		c.refused(400, "InvalidParameter", "DescribeContainerGroupEvents", "SinceSecond", "59")
		c.refused(400, "InvalidParameter", "DescribeContainerGroupEvents", "EventSource", "Elsewhere")
	}
}

// TestPrice is the published example: 2 vCPU and 4 GiB cost 0.00012252 CNY a second,
// 0.000098 of it the vCPU (eci §2.7).
func TestPrice(t *testing.T) {
	_, c := serve(t, ecitest.Options{})
	r := c.do("DescribeContainerGroupPrice", "Cpu", "2", "Memory", "4")
	for path, want := range map[string]float64{
		"Price.TradePrice": 0.00012252, "Price.OriginalPrice": 0.00012252, "Price.DetailInfos.DetailInfo.0.TradePrice": 0.000098, "Price.DetailInfos.DetailInfo.1.TradePrice": 0.00002452,
	} {
		if got, ok := at(r.body, "PriceInfo."+path).(float64); !ok || got < want*0.999999 || got > want*1.000001 {
			t.Errorf("%s is %v, want %v", path, at(r.body, "PriceInfo."+path), want)
		}
	}
	if got := r.text("PriceInfo.Price.Currency") + r.text("PriceInfo.Price.DetailInfos.DetailInfo.0.Resource"); got != "CNYcpu" {
		t.Errorf("got %s", got)
	}
	c.do("DescribeContainerGroupPrice", "InstanceType", "ecs.c6.large", "SpotStrategy", "SpotAsPriceGo")
	if got := c.do("DescribeContainerGroupPrice", "Cpu", "2", "Memory", "4", "EphemeralStorage", "100").list("PriceInfo.Price.DetailInfos.DetailInfo"); len(got) != 3 {
		t.Errorf("with extra storage: %v", got)
	}
	c.refused(400, "MissingParameter", "DescribeContainerGroupPrice", "Cpu", "2")
}

// TestSameSeed: two servers of one seed that are asked the same answer the same
// bytes, and looking more often changes nothing of what is made.
func TestSameSeed(t *testing.T) {
	history := func(looks int) (all []byte) {
		s, c := serve(t, ecitest.Options{Seed: 42})
		c.createCache("web", []string{"nginx:1.27"})
		for range looks {
			c.do("DescribeImageCaches")
		}
		s.Advance(time.Hour)
		c.createGroup("web", []string{"nginx:1.27", "redis:7"}, "AutoMatchImageCache", "true")
		s.Advance(time.Minute)
		for _, action := range []string{"DescribeImageCaches", "DescribeContainerGroups", "DescribeContainerGroupStatus", "DescribeContainerGroupEvents"} {
			body := c.do(action, "WithEvent", "true").body
			delete(body, "RequestId")
			data, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data...)
		}
		return all
	}
	if !bytes.Equal(history(1), history(9)) {
		t.Error("two histories of one seed differ")
	}
}
