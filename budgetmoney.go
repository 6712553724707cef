package cachebench

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// MoneyLimit is the most that something may cost: in a file a number, or a text that
// names the currency, such as 5 USD.
type MoneyLimit struct {
	Amount float64
	// Currency is an ISO 4217 code; empty is that of the price book.
	Currency string
}

// moneyForm says in an error how a MoneyLimit is written.
const moneyForm = "write a number, or an amount with its currency such as 5 USD"

// UnmarshalText reads 5, 5 USD or 5USD.
func (m *MoneyLimit) UnmarshalText(text []byte) error {
	number, currency := string(text), ""
	if end := len(number) - len("USD"); end > 0 && cost.IsCurrency(number[end:]) {
		number, currency = strings.TrimRight(number[:end], " "), number[end:]
	}
	amount, err := strconv.ParseFloat(number, 64)
	if upper := strings.ToUpper(number); err != nil && currency == "" && upper != number && new(MoneyLimit).UnmarshalText([]byte(upper)) == nil {
		return fmt.Errorf("%q is not an amount of money: write the currency in capitals, %s", text, upper)
	}
	if err != nil {
		return fmt.Errorf("%q is not an amount of money: %s", text, moneyForm)
	}
	*m = MoneyLimit{Amount: amount, Currency: currency}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (m MoneyLimit) MarshalText() ([]byte, error) {
	text := strconv.FormatFloat(m.Amount, 'f', -1, 64)
	if m.Currency != "" {
		text += " " + m.Currency
	}
	return []byte(text), nil
}

// TextOrNumber lets a file have a bare number in its place.
func (m MoneyLimit) TextOrNumber() {}

// validate reports what cannot be.
func (m *MoneyLimit) validate() error {
	if !(m.Amount >= 0 && m.Amount <= mostMoney) {
		return document.At("", "a limit of %v cannot be: give 0 to %v", m.Amount, float64(mostMoney))
	}
	return nil
}

// in refuses a limit in another currency than the prices': there is no exchange rate here.
func (m *MoneyLimit) in(prices *cost.Book) error {
	if m.Currency == "" || m.Currency == prices.Currency {
		return nil
	}
	text, _ := m.MarshalText()
	return fmt.Errorf("a limit of %s, and the prices are in %s: give it in %[2]s, or a price book in %[3]s (prices, --prices)", text, prices.Currency, m.Currency)
}
