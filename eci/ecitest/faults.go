package ecitest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// Kinds of faults.
const (
	// FaultThrottle refuses the call: 400 Throttling, or Code.
	FaultThrottle = "throttle"
	// FaultError refuses it with Status and Code; 500 InternalError where they are
	// not given, 503 ServiceUnavailable for Status 503.
	FaultError = "error"
	// FaultUnreached closes the connection before anything is done, FaultLost after
	// all is done.
	FaultUnreached = "unreached"
	FaultLost      = "lost"
	// FaultUnlisted lets what is created be in no list, and not be found to be deleted,
	// for UnlistedFor: what is made is not seen everywhere at once. FaultLate does so,
	// too, and closes the connection as FaultLost does: it looks as if a call that went
	// without an answer took effect that much later.
	FaultUnlisted = "unlisted"
	FaultLate     = "late"
	// FaultHang does all and gives no answer until the caller gives up.
	FaultHang = "hang"
	// FaultTruncated sends half of the answer, FaultGarbage something that is no JSON.
	FaultTruncated = "truncated"
	FaultGarbage   = "garbage"
	// FaultStuck makes what is created stay as it begins for ever: a cache
	// Creating, a group Scheduling.
	FaultStuck = "stuck"
	// FaultFailed makes what is created or updated fail, for Reason.
	FaultFailed = "failed"
	// FaultNoStock refuses a group (OperationDenied.NoStock); FaultScheduleFailed
	// lets it end as ScheduleFailed with event NoStock.
	FaultNoStock        = "no-stock"
	FaultScheduleFailed = "schedule-failed"
	// FaultExpiredToken refuses the call as one of an expired SecurityToken.
	FaultExpiredToken = "expired-token"
	// FaultEventsMissing leaves every other event out of an answer,
	// FaultEventsShuffled gives them in a random order.
	FaultEventsMissing  = "events-missing"
	FaultEventsShuffled = "events-shuffled"
	// FaultAccount puts the account, from this call on, into the state Account: all that
	// follows is refused as AccountState says, not this call alone.
	FaultAccount = "account"
)

// UnlistedFor is how long what a FaultUnlisted or a FaultLate lets be created is not
// seen. Assumed: how long it can be is not documented.
const UnlistedFor = 40 * time.Second

// FaultsKind is the kind of a saved Faults.
const FaultsKind = "ECIFaults"

// Faults say what goes wrong.
type Faults struct {
	// ClockSkew is how far the server's time of signatures is ahead of the true one.
	ClockSkew time.Duration `json:"clockSkewSeconds,omitempty" document:"signed"`
	// Rules are looked at in order for each call; the first that takes it holds.
	Rules []Fault `json:"rules,omitempty"`
}

// Fault is one rule. It counts the calls of its action from when it was added, and
// takes those that any of Nth, Every and Fraction names; all where none is given.
// Calls that the gateway refuses (signature) are not counted.
type Fault struct {
	// Action is which calls; empty is all.
	Action string `json:"action,omitempty"`
	Kind   string `json:"kind" document:"required,enum=throttle|error|unreached|lost|unlisted|late|hang|truncated|garbage|stuck|failed|no-stock|schedule-failed|expired-token|events-missing|events-shuffled|account"`
	// Nth is the first call that is taken, from 1, and Count how many from there on,
	// 0 is one: the next 50 calls are Nth 1, Count 50.
	Nth   int `json:"nth,omitempty"`
	Count int `json:"count,omitempty"`
	// Every takes each call whose number it divides.
	Every int `json:"every,omitempty"`
	// Fraction takes that share of the calls, drawn from the seed.
	Fraction float64 `json:"fraction,omitempty"`
	// Status and Code are those of the answer, Reason its message or why something
	// fails.
	Status int    `json:"status,omitempty" document:"unit=none"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Account is the state of kind account.
	Account AccountState `json:"account,omitempty" document:"enum=3d-verification|arrears|business-status|no-real-name|not-enabled|risk-control|sub-user"`
}

// ReadFaults reads faults from the bytes of the file called name.
func ReadFaults(name string, data []byte) (*Faults, error) {
	var f Faults
	if err := document.Read(name, data, FaultsKind, &f); err != nil {
		return nil, err
	}
	return &f, nil
}

// Validate reports rules that could take no call.
func (f *Faults) Validate() error {
	for i, r := range f.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		_, known := actions()[r.Action]
		switch {
		case r.Action != "" && !known:
			return document.At(at+".action", "there is no action %s", r.Action)
		case r.Nth < 0 || r.Count < 0 || r.Every < 0:
			return document.At(at, "nth, count and every count calls: they are not below 0")
		case !(r.Fraction >= 0 && r.Fraction <= 1):
			return document.At(at+".fraction", "%g is no share from 0 to 1", r.Fraction)
		case r.Count > 0 && r.Nth == 0 && (r.Every > 0 || r.Fraction > 0):
			return document.At(at+".count", "it goes with nth, or stands alone for the first calls")
		case (r.Kind == FaultAccount) != (r.Account != ""):
			return document.At(at+".account", "kind account and a state go together")
		case r.Status != 0 && (r.Status < 400 || r.Status > 599):
			return document.At(at+".status", "%d is no status of an error", r.Status)
		}
	}
	return nil
}

// rule is a Fault with what it has seen.
type rule struct {
	Fault
	calls int
	draw  *rand.Rand
}

type faultState struct {
	ahead time.Duration
	rules []*rule
	added uint64
}

func (f *faultState) add(faults Faults, seed uint64) {
	f.ahead += faults.ClockSkew
	for _, fault := range faults.Rules {
		f.added++
		f.rules = append(f.rules, &rule{Fault: fault, draw: rand.New(rand.NewPCG(seed, 1000+f.added))})
	}
}

func (f *faultState) skew() time.Duration { return f.ahead }

// pick counts a call and returns the rule that takes it, or nil.
func (f *faultState) pick(action string) (picked *rule) {
	for _, r := range f.rules {
		if (r.Action == "" || r.Action == action) && r.takes() && picked == nil {
			picked = r
		}
	}
	return picked
}

// takes counts a call and says whether it is one that the rule names.
func (r *rule) takes() bool {
	r.calls++
	drawn := r.Fraction > 0 && r.draw.Float64() < r.Fraction
	switch {
	case r.Nth == 0 && r.Every == 0 && r.Fraction == 0:
		return r.Count == 0 || r.calls <= r.Count
	case r.Nth > 0 && r.calls >= r.Nth && r.calls < r.Nth+max(1, r.Count):
		return true
	}
	return drawn || r.Every > 0 && r.calls%r.Every == 0
}

// AddFaults lets more go wrong from now on.
func (s *Server) AddFaults(faults Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.add(faults, s.opt.Seed)
}

// ClearFaults ends all faults, the skew, and what a fault made of the account.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faultState{added: s.faults.added}
	s.account = s.opt.Account
}

// is says whether a call has a fault of that kind.
func (r *rule) is(kind string) bool { return r != nil && r.Kind == kind }

// seen is from when on what a call creates is seen.
func (r *rule) seen(now time.Time) time.Time {
	if r.is(FaultUnlisted) || r.is(FaultLate) {
		return now.Add(UnlistedFor)
	}
	return now
}

func (r *rule) unreached() bool { return r.is(FaultUnreached) }

// refusal is the answer of a rule that refuses calls, or nil.
func (r *rule) refusal() *refusal {
	switch {
	case r.is(FaultThrottle):
		t := throttled()
		return refuse(cmp.Or(r.Status, t.status), cmp.Or(r.Code, t.code), "%s", cmp.Or(r.Reason, t.message))
	case r.is(FaultError):
		status, code := cmp.Or(r.Status, http.StatusInternalServerError), codeInternal
		if status == http.StatusServiceUnavailable {
			code = codeUnavailable
		}
		return refuse(status, cmp.Or(r.Code, code), "%s", cmp.Or(r.Reason, "The request processing has failed due to some unknown error."))
	case r.is(FaultNoStock):
		return refuse(http.StatusForbidden, codeNoStock, "%s", cmp.Or(r.Reason, "The specified resource is out of stock."))
	case r.is(FaultExpiredToken):
		return refuse(http.StatusBadRequest, codeTokenExpired, "Specified SecurityToken is expired.")
	}
	return nil
}

// spoil does to an answer what the call's fault says.
func (s *Server) spoil(a *answer, c *call) {
	switch {
	case c.fault.is(FaultUnreached), c.fault.is(FaultLost), c.fault.is(FaultLate):
		a.drop = true
	case c.fault.is(FaultHang):
		a.hang = true
	case c.fault.is(FaultTruncated):
		a.cut = true
	case c.fault.is(FaultGarbage):
		a.body = []byte("<html><body>Bad gateway</body></html>")
	}
}

// spoiled are events as the call's fault leaves them.
func (s *Server) spoiled(c *call, events []object) []object {
	switch {
	case c.fault.is(FaultEventsMissing):
		kept := []object{}
		for i := 1; i < len(events); i += 2 {
			kept = append(kept, events[i])
		}
		return kept
	case c.fault.is(FaultEventsShuffled):
		events = slices.Clone(events)
		c.fault.draw.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	}
	return events
}
