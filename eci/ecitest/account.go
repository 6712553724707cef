package ecitest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// AccountState is why the service refuses an account's calls, whatever they ask; empty is
// an account in good standing.
type AccountState string

// The states whose codes eci §2.2 and §2.5 list. Which calls a state stops is not
// documented: here those that make or change something where the code stands among the
// errors of creations alone, and where an account owes money; else all, deletions too,
// but DescribeRegions.
const (
	AccountArrears        AccountState = "arrears"
	AccountRiskControl    AccountState = "risk-control"
	Account3DVerification AccountState = "3d-verification"
	AccountNotEnabled     AccountState = "not-enabled"
	AccountNoRealName     AccountState = "no-real-name"
	AccountBusinessStatus AccountState = "business-status"
	AccountSubUser        AccountState = "sub-user"
)

// standing is how the calls of an account are refused.
type standing struct {
	status        int
	code, message string
	// making: only what makes or changes something is refused.
	making bool
}

// standings by state; the wording of messages is ours.
func standings() map[AccountState]standing {
	return map[AccountState]standing{
		AccountArrears:        {http.StatusBadRequest, "Account.Arrearage", "Your account has an outstanding payment.", true},
		AccountRiskControl:    {http.StatusForbidden, "Forbidden.RiskControl", "This operation is forbidden by the risk control system.", true},
		Account3DVerification: {http.StatusForbidden, "SecurityRisk.3DVerification", "The account's card must pass 3-D verification.", true},
		AccountNotEnabled:     {http.StatusBadRequest, "ServiceNotEnabled", "The service is not enabled for the account.", false},
		AccountNoRealName:     {http.StatusForbidden, "Forbidden.UserNotRealNameAuthentication", "The account has not passed real-name authentication.", false},
		AccountBusinessStatus: {http.StatusForbidden, "Forbidden.UserBussinessStatus", "The account's business status does not allow this operation.", false},
		AccountSubUser:        {http.StatusForbidden, "Forbidden.SubUser", "The RAM user may not do this.", false},
	}
}

// AccountStates are the states that there are, in order of name.
func AccountStates() []AccountState { return slices.Sorted(maps.Keys(standings())) }

// known says whether there is such a state.
func (a AccountState) known() bool {
	_, ok := standings()[a]
	return ok || a == ""
}

// refusal is the answer to an action of the account, or nil.
func (a AccountState) refusal(action string) *refusal {
	s, ok := standings()[a]
	makes := strings.HasPrefix(action, "Create") || strings.HasPrefix(action, "Update")
	if !ok || s.making && !makes || action == "DescribeRegions" {
		return nil
	}
	return refuse(s.status, s.code, "%s", s.message)
}

// SetAccount changes the account's standing from now on; false says that there is no such
// state.
func (s *Server) SetAccount(a AccountState) bool {
	if !a.known() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account = a
	return true
}
