package eci

import (
	"net/http"
	"regexp"
)

// families are codes of one form, for those that verdicts does not have: the first
// that fits holds. That any code with the prefix Throttling is a throttle, but for
// the one of a day, is of eci §2.8; the other forms are inferred from the codes that
// are documented.
var families = []struct {
	form *regexp.Regexp
	verdict
}{
	{regexp.MustCompile(`\.PerDay$`), verdict{ErrQuota, "what the account may have in a day is used up: go on tomorrow, or ask for more"}},
	{regexp.MustCompile(`^Throttling`), verdict{ErrThrottled, "make fewer calls at once"}},
	{regexp.MustCompile(`^QuotaExceeded|\.QuotaExceeded$`), verdict{ErrQuota, "delete what is not needed, or ask for a higher quota"}},
	{regexp.MustCompile(`^(InternalError|ServiceUnavailable)`), verdict{ErrUnavailable, "try again later"}},
	{regexp.MustCompile(`^InvalidSecurityToken`), verdict{ErrCredentials, "check the security token"}},
	{regexp.MustCompile(`^InvalidAccessKeyId`), verdict{ErrCredentials, "check the access key"}},
	{regexp.MustCompile(`\.IncorrectStatus$`), verdict{ErrIncorrectStatus, "wait for a state that allows it"}},
	{regexp.MustCompile(`\.NoStock$|\.NotOnSale$`), verdict{ErrNoStock, "give vSwitches in several zones, or other sizes"}},
	{regexp.MustCompile(`\.IpNotEnough$`), verdict{ErrNoAddress, "give a vSwitch with free addresses"}},
	{regexp.MustCompile(`NotSupport(ed)?$`), verdict{ErrNotSupported, "leave out what the code names"}},
	{regexp.MustCompile(`^Forbidden(\.|$)`), verdict{ErrNoPermission, "grant the user or role this action in RAM"}},
	{regexp.MustCompile(`^Invalid(Product|Api|Action|Version|Protocol)(\.|$)|^UnsupportedHTTPMethod$`), verdict{ErrNotSupported, "the endpoint does not have this action: check it"}},
	{regexp.MustCompile(`^InvalidRegionId`), verdict{ErrInvalid, "give a region of ECI"}},
}

// parameters are the codes of parameters that are missing or wrong.
var parameters = regexp.MustCompile(`^(Missing|Invalid)`)

// verdictOf classes an answer to a call. A code that nothing is known of is classed by
// its form, then by HTTP's status; the kind may stay nil.
func (k *call) verdictOf(code string, status int, requestID string) verdict {
	if v, known := verdicts[code]; known {
		return v
	}
	for _, family := range families {
		if family.form.MatchString(code) {
			return family.verdict
		}
	}
	switch {
	case requestID != "" && status < http.StatusInternalServerError && k.missing(code):
		return verdict{ErrNotFound, "list what there is in the region"}
	case status >= http.StatusInternalServerError:
		return verdict{ErrUnavailable, "try again later"}
	case parameters.MatchString(code):
		return verdict{ErrInvalid, ""}
	case status == http.StatusTooManyRequests:
		return verdict{ErrThrottled, "make fewer calls at once"}
	}
	return verdict{}
}

// subject is what a call names by its ID.
type subject int

const (
	noSubject subject = iota
	aCache
	aGroup
)

var (
	absent      = regexp.MustCompile(`(NotFound|NotExists?)$`)
	cacheNamed  = regexp.MustCompile(`(?i)Image(Cache|Snapshot)`)
	groupNamed  = regexp.MustCompile(`(?i)ContainerGroup`)
	nothingSaid = regexp.MustCompile(`^InvalidParameter\.?(NotFound|NotExists?)$`)
)

// missing knows from its form the code of a cache or a group that is not there: which
// one DeleteImageCache answers for an unknown ID is not documented (eci §2.4). What
// else may be missing, such as a vSwitch, a product or a page of some gateway, says
// nothing of the call's subject: whoever took it for deleted would leave it behind.
func (k *call) missing(code string) bool {
	if !absent.MatchString(code) {
		return false
	}
	cache, group := cacheNamed.MatchString(code), groupNamed.MatchString(code)
	switch k.subject {
	case aCache:
		return cache || nothingSaid.MatchString(code)
	case aGroup:
		return group || nothingSaid.MatchString(code)
	}
	return cache || group
}
