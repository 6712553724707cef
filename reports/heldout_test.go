package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// TestHeldOutBill: the sentence and the table say what a plan costs on other starts, and that
// it is above the budget only where it is.
func TestHeldOutBill(t *testing.T) {
	usd := func(amount float64) *cost.Money { return &cost.Money{Amount: amount, Currency: "USD"} }
	best := time.Duration(0)
	for _, test := range []struct {
		cost float64
		want string
	}{
		{48.26, "a month of such starts costs USD 48.26 with what was planned before, above the budget of USD 10.00, which the best keeps (net saved USD -45.65)"},
		{9, "a month of such starts costs USD 9.00 with what was planned before (net saved USD -45.65)"},
	} {
		p := &plan.Plan{BudgetPerMonth: usd(10), HeldOut: []plan.HeldOut{{
			Of: "starts", Starts: 7, ActualSaved: 3 * time.Second, BestSaved: &best, CostPerMonth: usd(test.cost), NetSavedPerMonth: usd(-45.65),
		}}}
		caption := heldOutTable(p).Caption
		for _, got := range []string{caption, heldOutSentence(p, &p.HeldOut[0])} {
			if !strings.Contains(got, test.want) || !strings.Contains(got, "a plan made for these starts, with the same goal and budget") {
				t.Errorf("%s\nlacks %q", got, test.want)
			}
		}
	}
}
