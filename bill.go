package cachebench

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// BillKind is the kind of a Bill in a file.
const BillKind = "Bill"

// Bill is what was paid in a month.
type Bill struct {
	// Currency is an ISO 4217 code; empty is that of the price book.
	Currency string     `json:"currency,omitempty"`
	Items    []BillItem `json:"items" document:"required"`
}

// BillItem is what was paid for one product item, such as ECI's vCPUs.
type BillItem struct {
	Item   string  `json:"item" document:"required"`
	Amount float64 `json:"amount"`
}

// Validate reports amounts and currencies that cannot be.
func (b *Bill) Validate() error {
	if b.Currency != "" && !cost.IsCurrency(b.Currency) {
		return document.At("currency", "%q is no code of a currency, such as USD", b.Currency)
	}
	for i, item := range b.Items {
		if !(math.Abs(item.Amount) <= mostMoney) {
			return document.At(fmt.Sprintf("items[%d].amount", i), "%v is no amount of a bill", item.Amount)
		}
	}
	return nil
}

// The columns that a bill's CSV may have, in lower case and without spaces, the first that
// is there taken: those of Alibaba Cloud's bill details and of plain lists.
var (
	billItemColumns     = []string{"item", "billingitem", "billingitemname", "productdetail", "productname", "product", "productcode"}
	billProductColumns  = []string{"productname", "product", "productcode"}
	billAmountColumns   = []string{"amount", "pretaxamount", "payableamount", "aftertaxamount", "cost"}
	billCurrencyColumns = []string{"currency"}
)

// ReadBill reads a bill from the bytes of the file called name: CSV with a header, or a
// document of kind Bill.
func ReadBill(name string, data []byte) (*Bill, error) {
	if !strings.EqualFold(filepath.Ext(name), ".csv") {
		var b Bill
		if err := document.Read(name, data, BillKind, &b); err != nil {
			return nil, err
		}
		return &b, nil
	}
	fault := func(line int, format string, args ...any) error {
		return &document.Error{File: name, Line: line, Message: fmt.Sprintf(format, args...)}
	}
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	header, err := rows.Read()
	if err != nil {
		return nil, fault(1, "read the header of the bill: %v", err)
	}
	find := func(columns []string) int {
		for _, c := range columns {
			if i := slices.IndexFunc(header, func(h string) bool {
				return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(h)) == c
			}); i >= 0 {
				return i
			}
		}
		return -1
	}
	item, amount, product, currency := find(billItemColumns), find(billAmountColumns), find(billProductColumns), find(billCurrencyColumns)
	if item < 0 || amount < 0 {
		return nil, fault(1, "a bill has columns item and amount (or those of Alibaba Cloud's bill details, as Billing Item and Pretax Amount), this one has %s", strings.Join(header, ", "))
	}
	b := &Bill{}
	sums := map[string]int{}
	for {
		row, err := rows.Read()
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if len(b.Items) == 0 {
				return nil, fault(1, "the bill has no items")
			}
			return b, b.Validate()
		case errors.As(err, &parse):
			return nil, fault(parse.Line, "%v", parse.Err)
		case err != nil:
			return nil, err
		}
		line, _ := rows.FieldPos(amount)
		paid, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(row[amount]), ",", ""), 64)
		if err != nil || !(math.Abs(paid) <= mostMoney) {
			return nil, fault(line, "%s: %q is no amount", header[amount], row[amount])
		}
		if currency >= 0 && row[currency] != "" {
			if b.Currency != "" && b.Currency != row[currency] {
				return nil, fault(line, "the bill is in %s and here in %s: split it by currency", b.Currency, row[currency])
			}
			b.Currency = row[currency]
		}
		text := row[item]
		if product >= 0 && product != item {
			text = strings.TrimSpace(row[product] + " " + text)
		}
		at, ok := sums[text]
		if !ok {
			at = len(b.Items)
			sums[text] = at
			b.Items = append(b.Items, BillItem{Item: text})
		}
		b.Items[at].Amount += paid
	}
}

// billClass says to which modelled item one of a bill belongs; BillOther to none.
func billClass(item string) string {
	item = strings.ToLower(item)
	for _, c := range []struct {
		class string
		words []string
	}{
		{cost.BillOther, []string{"snapshot", "bandwidth", "traffic", "eip", "nat gateway"}},
		{cost.BillStorage, []string{"ephemeral", "temporary", "extra storage"}},
		{cost.BillDisks, []string{"disk", "essd"}},
		{cost.BillVCPU, []string{"cpu"}},
		{cost.BillMemory, []string{"memory"}},
		{cost.BillInstances, []string{"instance"}},
	} {
		if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(item, w) }) {
			if c.class == cost.BillVCPU && strings.Contains(item, "memory") {
				return cost.BillInstances // both in one
			}
			return c.class
		}
	}
	return cost.BillOther
}

// apart says that a bill has vCPU and memory each by itself, and nothing that may be both.
func (b *Bill) apart() bool {
	has := make(map[string]bool)
	for _, item := range b.Items {
		has[billClass(item.Item)] = true
	}
	return has[cost.BillVCPU] && has[cost.BillMemory] && !has[cost.BillInstances]
}

// CheckBill compares the scenario's bill with what the model says that a month like the
// workload's costs without a plan, of apps on instances of their own; nil without a bill.
func (j *Job) CheckBill(m *matcher.Matches) *cost.BillCheck {
	b := j.Scenario.Bill
	if b == nil || m == nil {
		return nil
	}
	modelled, spread, err := j.monthlyBill(m)
	check := &cost.BillCheck{Currency: j.Scenario.Prices.Currency, CoverageFraction: j.Coverage.StartsFraction}
	if err != nil {
		check.Unknown = err.Error()
	} else {
		check.ModelledSpread = spread
	}
	apart := b.apart()
	class := func(class string) string {
		if !apart && (class == cost.BillVCPU || class == cost.BillMemory) {
			return cost.BillInstances
		}
		return class
	}
	amounts := make(map[string]float64)
	for of, amount := range modelled {
		amounts[class(of)] += amount
	}
	for _, of := range []string{cost.BillInstances, cost.BillVCPU, cost.BillMemory, cost.BillDisks, cost.BillStorage, cost.BillOther} {
		row := cost.BillRow{Item: of}
		for _, item := range b.Items {
			if class(billClass(item.Item)) == of {
				row.Billed += item.Amount
				row.Of = append(row.Of, item.Item)
			}
		}
		if amount, ok := amounts[of]; ok && err == nil {
			row.Modelled = &amount
		}
		if row.Billed != 0 || row.Modelled != nil && *row.Modelled != 0 {
			check.Add(row)
		}
	}
	return check
}

// monthlyBill is what starts cost in a month, by item: as many as their rates and bursts give
// in the mean, which find what those of the month that was replayed find. spread is how far
// chance moves the sum to either side in 95 of 100 months, by the Poisson process that single
// starts are; nil of a recording, whose starts are what they were.
func (j *Job) monthlyBill(m *matcher.Matches) (sums map[string]float64, spread *float64, err error) {
	e, err := j.newEstimates()
	if err != nil {
		return nil, nil, err
	}
	const normal95 = 1.96 // standard deviations to either side
	prices := j.Scenario.Prices
	sums = make(map[string]float64)
	variance := 0.0
	for i := range j.Workload.Apps {
		app := &j.Workload.Apps[i]
		if app.NodePool != "" {
			continue
		}
		found, counted := []matcher.Found{{Starts: 1}}, 1.0 // of an app that is not in the replay: nothing
		if at := slices.IndexFunc(m.Outcomes, func(o matcher.Outcome) bool { return o.App == app.Name }); at >= 0 {
			found, counted = m.Outcomes[at].Found, float64(m.Outcomes[at].Starts)
		} else if m.Span != nil {
			continue
		}
		starts, single := app.StartsPerMonth(), app.StartsPerDay*workload.Month.Hours()/24
		if m.Span != nil {
			starts, single = counted/(float64(*m.Span)/float64(workload.Month)), 0
		}
		for k := range found {
			f := &found[k]
			took := e.estimate(app, j.fresh(f, j.Scenario.Caches)).Billed + app.Runtime
			of := make(map[string]float64)
			if err := billStart(of, prices, app, f, took); err != nil {
				return nil, nil, err
			}
			share, one := float64(f.Starts)/counted, 0.0
			for _, class := range slices.Sorted(maps.Keys(of)) {
				sums[class] += starts * share * of[class]
				one += of[class]
			}
			variance += single * share * one * one
		}
	}
	if m.Span == nil {
		amount := normal95 * math.Sqrt(variance)
		spread = &amount
	}
	return sums, spread, e.err
}

// billStart is what one start costs, by item, that found something and is paid for so long.
func billStart(costs map[string]float64, prices cost.Book, app *workload.App, f *matcher.Found, paid time.Duration) error {
	add := func(class string, price func() (cost.Money, error)) error {
		money, err := price()
		costs[class] += money.Amount
		return err
	}
	err := errors.Join(
		add(cost.BillVCPU, func() (cost.Money, error) { return prices.Instance(app.CPU, 0, paid) }),
		add(cost.BillMemory, func() (cost.Money, error) { return prices.Instance(0, app.MemoryGiB, paid) }))
	if f.Images == nil && f.Stale == nil {
		return err
	}
	if f.Automatic {
		return errors.Join(err, add(cost.BillStorage, func() (cost.Money, error) {
			return prices.Automatic(max(0, f.SizeGiB-app.ExtraStorageGiB), paid)
		}))
	}
	return errors.Join(err, add(cost.BillDisks, func() (cost.Money, error) { return prices.Use(f.SizeGiB, paid) }))
}

// checkCurrency refuses a bill in another currency than the prices'.
func (b *Bill) checkCurrency(prices *cost.Book) error {
	if b == nil || b.Currency == "" || b.Currency == prices.Currency {
		return nil
	}
	return fmt.Errorf("the bill is in %s, and the prices are in %s: give a price book in %[1]s (prices, --prices)", b.Currency, prices.Currency)
}
