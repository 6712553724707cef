package eci

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
)

// turn is a provider that gives a key, fails or panics.
type turn func() (AccessKey, error)

func (p turn) key(context.Context) (AccessKey, error) { return p() }

// ring has one link, whose providers are made one after the other.
func ring(made *int, turns ...turn) *keyring {
	return &keyring{now: time.Now, links: []*link{{make: func() (provider, error) { *made++; return turns[*made-1], nil }}}}
}

func temporary(name string) AccessKey { return AccessKey{"i", "s", Secret(name)} }

// TestReasons: of what a provider says when it fails, the code of an answer and the
// kind of a network's fault are told, and nothing else.
func TestReasons(t *testing.T) {
	for _, test := range []struct {
		err     error
		want    string
		passing bool
	}{
		{sdkerrors.NewServerError(403, `{"Code":"NoPermission","Message":"of LTAI-secret"}`, ""), "they are refused: NoPermission", false},
		{sdkerrors.NewServerError(503, `{"Code":"ServiceUnavailable"}`, ""), "they are refused: ServiceUnavailable", true},
		{sdkerrors.NewServerError(403, `{"Code":"key LTAI-secret"}`, ""), "none are found", false},
		{&url.Error{Op: "Get", URL: "http://x/?LTAI-secret", Err: context.DeadlineExceeded}, "their provider does not answer in time", true},
		{&url.Error{Op: "Get", URL: "http://x/?LTAI-secret", Err: errors.New("refused")}, "their provider cannot be reached", true},
		{errors.New("unmarshal failed: LTAI-secret"), "none are found", false},
	} {
		if got, passing := reasonOf(test.err); got != test.want || passing != test.passing {
			t.Errorf("%v: got %q, %v, want %q", test.err, got, passing, test.want)
		}
	}
}

// TestKeyring: a provider that failed, in whichever way, is not asked again but made
// anew, as is one whose keys the service calls expired.
func TestKeyring(t *testing.T) {
	var made int
	good := func(name string) turn { return func() (AccessKey, error) { return temporary(name), nil } }
	k := ring(&made,
		func() (AccessKey, error) {
			var missing *credentials.Credentials
			return AccessKey{ID: Secret(missing.AccessKeyId)}, nil
		},
		func() (AccessKey, error) { return AccessKey{}, errors.New("quoting a whole file: secret") },
		func() (AccessKey, error) { return AccessKey{}, nil },
		good("one"), good("two"))
	ctx := context.Background()
	for turn := range 3 {
		if _, err := k.key(ctx); !errors.Is(err, ErrCredentials) || made != turn+1 {
			t.Errorf("turn %d: %v by provider %d", turn+1, err, made)
		}
	}
	for range 2 {
		if key, err := k.key(ctx); err != nil || key != temporary("one") || made != 4 {
			t.Errorf("%v by provider %d", err, made)
		}
	}
	// Many calls find the key expired; it is replaced once.
	for range 3 {
		k.renew(temporary("one"))
		if key, err := k.key(ctx); err != nil || key != temporary("two") || made != 5 {
			t.Errorf("after renewal: %v by provider %d", err, made)
		}
	}
}

// TestLinkStays: the link that gave a key is the only one that is asked later, for
// the next may be of another account. Until its key is called expired that goes on.
func TestLinkStays(t *testing.T) {
	given, away := "one", false
	first := turn(func() (AccessKey, error) {
		if away {
			return AccessKey{}, errors.New("flattened")
		}
		return temporary(given), nil
	})
	now := time.Now()
	k := &keyring{now: func() time.Time { return now }, links: []*link{
		{make: func() (provider, error) { return nil, errors.New("not set up") }},
		{make: func() (provider, error) { return first, nil }},
		{make: func() (provider, error) { return temporary("of another account"), nil }},
	}}
	wants := func(when, want string) {
		t.Helper()
		key, err := k.key(context.Background())
		var e *Error
		switch {
		case want != "" && (err != nil || key != temporary(want)):
			t.Errorf("%s: %q, %v, want %q", when, string(key.SecurityToken), err, want)
		case want == "" && (!errors.As(err, &e) || e.Kind != ErrCredentials || !e.passing):
			t.Errorf("%s: %q, %v, want a failure that may pass", when, string(key.SecurityToken), err)
		}
	}
	wants("at first", "one")
	away = true
	wants("away", "one")
	away, given = false, "two"
	wants("back, but resting", "one")
	now = now.Add(providerRest)
	wants("rested", "two")
	away = true
	k.renew(temporary("one"))
	wants("an older key is expired", "two")
	k.renew(temporary("two"))
	wants("expired while away", "")
	wants("still", "")
	away, given = false, "three"
	wants("back", "three")
}

// TestOneFlight: whoever waits for a slow provider waits for one answer, and a key
// that is refused while it is on its way is not handed out.
func TestOneFlight(t *testing.T) {
	var made int
	asked, gate := make(chan int, 10), make(chan struct{})
	slow := turn(func() (AccessKey, error) {
		asked <- made
		<-gate
		return temporary(strings.Repeat("x", made)), nil
	})
	k := ring(&made, slow, slow, slow)
	type answer struct {
		key AccessKey
		err error
	}
	const callers = 8
	answers := make(chan answer, callers)
	calls := func() {
		for range callers {
			f := k.join() // in order, so that all have joined before the gate opens
			go func() { <-f.done; answers <- answer{f.key, f.err} }()
		}
	}
	wants := func(want string) {
		t.Helper()
		for range callers {
			if a := <-answers; a.err != nil || a.key != temporary(want) {
				t.Errorf("%q, %v, want %q", string(a.key.SecurityToken), a.err, want)
			}
		}
	}
	calls()
	<-asked
	gate <- struct{}{}
	wants("x")
	if len(asked) != 0 {
		t.Errorf("asked %d times more", len(asked))
	}
	calls()
	<-asked
	k.renew(temporary("x"))
	close(gate)
	wants("xx")
	if made != 2 {
		t.Errorf("%d providers", made)
	}
}

// TestProviderComesBack: a call waits for a provider that is away for a while.
func TestProviderComesBack(t *testing.T) {
	transport := answers{responded(200, `{"RequestId":"R"}`)}
	var waits int
	c, err := New(Config{
		RegionID: "cn-hangzhou", Transport: &transport,
		Sleep: func(context.Context, time.Duration) error { waits++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.keys.links = []*link{{make: func() (provider, error) {
		return turn(func() (AccessKey, error) {
			if waits < 3 {
				return AccessKey{}, &url.Error{Op: "Get", URL: "http://x", Err: errors.New("refused")}
			}
			return temporary(""), nil
		}), nil
	}}}
	if err := c.do(context.Background(), &call{action: "CreateImageCache", token: "t"}, &wireReply{}); err != nil || waits != 3 {
		t.Errorf("%v after %d waits", err, waits)
	}
}

// TestExpiredForTheNext: a call that is never repeated leaves no expired key to the
// next.
func TestExpiredForTheNext(t *testing.T) {
	transport := answers{responded(400, `{"RequestId":"R","Code":"InvalidSecurityToken.Expired"}`), responded(200, `{"RequestId":"R"}`)}
	c, err := New(Config{RegionID: "cn-hangzhou", Transport: &transport, Retry: Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	c.keys = ring(&made, func() (AccessKey, error) { return temporary("one"), nil }, func() (AccessKey, error) { return temporary("two"), nil })
	for turn, want := range []error{ErrExpiredToken, nil} {
		k := &call{action: "ListUsage", read: true}
		if err := c.do(context.Background(), k, &wireReply{}); !errors.Is(err, want) || made != turn+1 || k.key != temporary([]string{"one", "two"}[turn]) {
			t.Errorf("turn %d: %v by provider %d", turn, err, made)
		}
	}
}
