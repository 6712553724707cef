package cost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

// The billing page's own example: Hangzhou, a cache of 40 GiB, the helper runs
// 300 s, the snapshot holds 2 GiB for 3 days, then one instance runs 3 h
// (eci §5.3).
func TestWorkedExample(t *testing.T) {
	b := cost.International()
	tests := []struct {
		name string
		got  func() (cost.Money, error)
		want float64
	}{
		// (0.0000077 × 2 + 0.00000096 × 4 + 0.0005 / 3600 × 40) × 300. The page
		// prints 0.007449, which is a slip: its own formula gives this.
		{"create", func() (cost.Money, error) { return b.Build(300*time.Second, 40) }, 0.00743866667},
		{"keep", func() (cost.Money, error) { return b.Keep(2, 3*day) }, 0.004},
		{"use", func() (cost.Money, error) { return b.Use(40, 3*time.Hour) }, 0.06},
		// "40 GiB for a month on one replica is about USD 14.4".
		{"a month of one replica", func() (cost.Money, error) { return b.Use(40, cost.Month) }, 14.4},
		{"automatic within the free part", func() (cost.Money, error) { return b.Automatic(30, cost.Month) }, 0},
		{"automatic above the free part", func() (cost.Money, error) { return b.Automatic(50, time.Hour) }, 0.01},
		{"instance of 1 h", func() (cost.Money, error) { return b.Instance(1, 1, time.Hour) }, 0.02772 + 0.003456},
		{"economy instance of 1 h", func() (cost.Money, error) { return b.EconomyInstance(1, 0, time.Hour) }, 0.015264},
		{"instant access is free", func() (cost.Money, error) { return b.InstantAccess(40, time.Hour) }, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.got()
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Amount-test.want) > 1e-10 || got.Currency != "USD" || got.PriceDate != "2024-03-08" {
				t.Errorf("got %+v, want USD %v of 2024-03-08", got, test.want)
			}
		})
	}
}

// DescribeContainerGroupPrice answers 0.00012252 CNY for 2 vCPU and 4 GiB, with
// no unit: it is the price of a second (eci §2.7).
func TestPriceOfOneSecond(t *testing.T) {
	got, err := cost.China().Instance(2, 4, time.Second)
	if err != nil || math.Abs(got.Amount-0.00012252) > 1e-12 || got.Currency != "CNY" {
		t.Errorf("Instance(2, 4, 1s) = %+v, %v, want CNY 0.00012252", got, err)
	}
}

func TestMissingPrice(t *testing.T) {
	b := cost.China()
	ask := map[string]func() (cost.Money, error){
		"diskGiBHour":      func() (cost.Money, error) { return b.Use(20, time.Hour) },
		"snapshotGiBMonth": func() (cost.Money, error) { return b.Keep(2, day) },
	}
	for name, question := range ask {
		_, err := question()
		var missing *cost.MissingPriceError
		if !errors.As(err, &missing) || missing.Price != name {
			t.Errorf("without %s: %v", name, err)
			continue
		}
		for _, word := range []string{name, "CNY", "China site", "2024-01-16", "add it to a price file"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("error %q does not say %q", err, word)
			}
		}
	}
	if _, err := b.Build(time.Minute, 20); err == nil {
		t.Error("Build without a disk price: no error")
	}
	if _, err := b.Automatic(31, time.Hour); err == nil {
		t.Error("Automatic above the free part without any disk price: no error")
	}
	if got, err := b.Automatic(30, time.Hour); err != nil || got.Amount != 0 {
		t.Errorf("Automatic within the free part = %v, %v, want 0: it needs no price", got, err)
	}
	if _, err := (cost.Book{}).Instance(1, 1, time.Second); err == nil {
		t.Error("an empty book priced an instance")
	}
}

// A book may have its own price of ephemeral storage, free part and helper.
func TestOverrides(t *testing.T) {
	b := cost.China()
	b.EphemeralGiBHour, b.FreeEphemeralGiB = ptr(0.002), ptr(20)
	if got, err := b.Automatic(30, time.Hour); err != nil || math.Abs(got.Amount-0.02) > 1e-12 {
		t.Errorf("Automatic = %v, %v, want CNY 0.02", got, err)
	}
	b.DiskGiBHour, b.Helper = ptr(0), &cost.Shape{CPU: 1}
	if got, err := b.Build(time.Second, 20); err != nil || math.Abs(got.Amount-0.000049) > 1e-12 {
		t.Errorf("Build = %v, %v, want one vCPU-second", got, err)
	}
	b.InstantAccessGiBHour = ptr(0.5)
	if got, err := b.InstantAccess(2, time.Hour); err != nil || got.Amount != 1 {
		t.Errorf("InstantAccess = %v, %v, want CNY 1.00", got, err)
	}
}

func TestImpossibleAmounts(t *testing.T) {
	b := cost.International()
	for _, size := range []float64{-1, math.NaN(), math.Inf(1)} {
		if m, err := b.Use(size, time.Hour); err == nil {
			t.Errorf("Use of %v GiB = %v, want an error", size, m)
		}
		if m, err := b.Automatic(size, time.Hour); err == nil {
			t.Errorf("Automatic of %v GiB = %v, want an error", size, m)
		}
	}
	if m, err := b.Keep(1, -time.Hour); err == nil {
		t.Errorf("Keep for -1h = %v, want an error", m)
	}
}

func TestMoneySums(t *testing.T) {
	usd := cost.Money{Amount: 1, Currency: "USD", PriceDate: "2024-03-08"}
	old := cost.Money{Amount: 2, Currency: "USD", PriceDate: "2022-09-20"}
	cny := cost.Money{Amount: 1, Currency: "CNY", PriceDate: "2024-01-16"}
	if got, err := usd.Plus(old); err != nil || got != (cost.Money{Amount: 3, Currency: "USD", PriceDate: "2022-09-20"}) {
		t.Errorf("Plus = %+v, %v: want the older date", got, err)
	}
	if got, err := (cost.Money{}).Plus(cny); err != nil || got != cny {
		t.Errorf("zero + CNY = %+v, %v, want the CNY unchanged", got, err)
	}
	if got, err := (cost.Money{}).Minus(cny); err != nil || got.Amount != -1 || got.Currency != "CNY" {
		t.Errorf("zero − CNY = %+v, %v", got, err)
	}
	if got, err := usd.Minus(cost.Money{}); err != nil || got != usd {
		t.Errorf("USD − zero = %+v, %v, want the USD unchanged", got, err)
	}
	if got, err := usd.Plus(cny); err == nil {
		t.Errorf("USD + CNY = %v, want an error", got)
	}
}

func TestMoneyString(t *testing.T) {
	for amount, want := range map[float64]string{
		12.34:        "USD 12.34",
		14.4:         "USD 14.40",
		1234567.891:  "USD 1234567.89",
		0:            "USD 0.00",
		0.06:         "USD 0.06",
		0.00743867:   "USD 0.00744",
		0.00012252:   "USD 0.000123",
		-0.5:         "USD -0.50",
		-3.456:       "USD -3.46",
		0.99999:      "USD 1.00",
		-1e-20:       "USD 0.00",
		math.Inf(-1): "USD -Inf",
	} {
		if got := (cost.Money{Amount: amount, Currency: "USD"}).String(); got != want {
			t.Errorf("%v prints %q, want %q", amount, got, want)
		}
	}
	if got := (cost.Money{}).String(); got != "0.00" {
		t.Errorf("the zero Money prints %q, want 0.00", got)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*cost.Book)
		path   string
	}{
		{"international", func(*cost.Book) {}, ""},
		{"no currency", func(b *cost.Book) { b.Currency = "" }, "currency"},
		{"currency in small letters", func(b *cost.Book) { b.Currency = "usd" }, "currency"},
		{"no date", func(b *cost.Book) { b.Date = "" }, "date"},
		{"date of another form", func(b *cost.Book) { b.Date = "08.03.2024" }, "date"},
		{"negative price", func(b *cost.Book) { b.DiskGiBHour = ptr(-1) }, "diskGiBHour"},
		{"price that is no number", func(b *cost.Book) { b.VCPUSecond = ptr(math.NaN()) }, "vcpuSecond"},
		{"endless price", func(b *cost.Book) { b.Node.NodeHour = ptr(math.Inf(1)) }, "node.nodeHour"},
		{"negative helper", func(b *cost.Book) { b.Helper = &cost.Shape{CPU: -2} }, "helper.cpu"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := cost.International()
			test.change(&b)
			err := b.Validate()
			var at interface{ Path() string }
			switch {
			case test.path == "" && err != nil:
				t.Errorf("unexpected error: %v", err)
			case test.path != "" && (!errors.As(err, &at) || at.Path() != test.path):
				t.Errorf("got %v, want a fault at %s", err, test.path)
			}
		})
	}
	china := cost.China()
	if err := china.Validate(); err != nil {
		t.Error(err)
	}
}

// A missing price stays missing through a file; it never becomes 0.
func TestMissingPriceSurvivesJSON(t *testing.T) {
	data, err := json.Marshal(cost.China())
	if err != nil {
		t.Fatal(err)
	}
	var b cost.Book
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if b.DiskGiBHour != nil || b.VCPUSecond == nil || *b.VCPUSecond != 0.000049 {
		t.Errorf("after a round trip: %s", data)
	}
}

// Every price grows evenly with size and with time.
func TestProportional(t *testing.T) {
	b := cost.International()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Float64Range(0, 1000).Draw(t, "GiB")
		d := time.Duration(rapid.Int64Range(0, int64(cost.Month)).Draw(t, "time"))
		once, err := b.Use(size, d)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := b.Use(size*2, d)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(twice.Amount-2*once.Amount) > 1e-9 || once.Amount < 0 {
			t.Errorf("%v GiB cost %v, twice that %v", size, once, twice)
		}
	})
}

// A cache of 40 GiB is cheap to build and dear to use.
func ExampleBook() {
	b := cost.International()
	build, _ := b.Build(300*time.Second, 40)
	keep, _ := b.Keep(2, cost.Month)
	use, _ := b.Use(40, cost.Month)
	fmt.Println("build", build)
	fmt.Println("keep ", keep)
	fmt.Println("use  ", use)
	// Output:
	// build USD 0.00744
	// keep  USD 0.04
	// use   USD 14.40
}

func ptr(v float64) *float64 { return &v }
