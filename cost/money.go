package cost

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in one currency with the date of the prices behind it. The
// zero Money is nothing in any currency.
type Money struct {
	// Amount is in units of Currency; negative for a saving.
	Amount float64 `json:"amount"`
	// Currency is an ISO 4217 code; empty only in the zero Money.
	Currency string `json:"currency"`
	// PriceDate is the Book's, YYYY-MM-DD; of a sum, the oldest.
	PriceDate string `json:"priceDate"`
}

// Plus returns m + n. It refuses two currencies: there is no exchange rate here.
func (m Money) Plus(n Money) (Money, error) {
	if m == (Money{}) {
		return n, nil
	}
	if n == (Money{}) {
		return m, nil
	}
	if m.Currency != n.Currency {
		return Money{}, fmt.Errorf("%s and %s are in two currencies: price everything from one book", m, n)
	}
	return Money{Amount: m.Amount + n.Amount, Currency: m.Currency, PriceDate: older(m.PriceDate, n.PriceDate)}, nil
}

// Minus returns m − n, with the rule of Plus.
func (m Money) Minus(n Money) (Money, error) {
	return m.Plus(n.Times(-1))
}

// Times returns m multiplied by factor.
func (m Money) Times(factor float64) Money {
	m.Amount *= factor
	return m
}

// older of two dates; YYYY-MM-DD sorts as text, and an absent one is no date.
func older(a, b string) string {
	if a == "" || (b != "" && b < a) {
		return b
	}
	return a
}

// String is the currency and the amount: two decimals, or below 1 as many as
// three significant digits need.
func (m Money) String() string {
	s := decimal(m.Amount)
	if m.Currency == "" {
		return s
	}
	return m.Currency + " " + s
}

func decimal(amount float64) string {
	const fewest, most = 2, 12
	digits := fewest
	if a := math.Abs(amount); a > 0 && a < 1 {
		digits = min(most, int(math.Ceil(-math.Log10(a)))+2)
	}
	s := strconv.FormatFloat(amount, 'f', digits, 64)
	// A price of 0.06 is not 0.0600.
	point := strings.IndexByte(s, '.')
	for len(s) > point+1+fewest && strings.HasSuffix(s, "0") {
		s = s[:len(s)-1]
	}
	if s == "-0.00" {
		return "0.00"
	}
	return s
}
