package cachebench

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// TestReadBill: a plain list, the columns of Alibaba Cloud's bill details, a document.
func TestReadBill(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want *Bill
	}{
		"plain.csv":   {"item,amount\nvCPU,\"1,000.50\"\nvCPU,1\ndisk,3\n", &Bill{Items: []BillItem{{"vCPU", 1001.5}, {"disk", 3}}}},
		"details.csv": {"\xef\xbb\xbfProduct Name,Billing Item,Pretax Amount,Currency\nECI,vCPU,2,USD\nECS,ESSD disk,-1,USD\n", &Bill{Currency: "USD", Items: []BillItem{{"ECI vCPU", 2}, {"ECS ESSD disk", -1}}}},
		"bill.yaml":   {"apiVersion: cachebench/v1\nkind: Bill\ncurrency: USD\nitems:\n  - {item: instances, amount: 12.5}\n", &Bill{Currency: "USD", Items: []BillItem{{"instances", 12.5}}}},
	} {
		got, err := ReadBill(name, []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for text, want := range map[string]string{
		"a,b\n1,2\n":        "bill.csv:1: a bill has columns item and amount",
		"item,amount\nx,\n": `bill.csv:2: amount: "" is no amount`,
		"item,amount\n":     "bill.csv:1: the bill has no items",
		"item,amount,currency\nx,1,USD\ny,1,CNY\n": "bill.csv:3: the bill is in USD and here in CNY",
		"item,amount\nx,1e300\n":                   "is no amount",
		"item,amount\nx\n":                         "bill.csv:2",
	} {
		if _, err := ReadBill("bill.csv", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestBillStart: worked by hand. A start of 2 vCPU and 4 GiB is paid for 100 s: 2*0.001*100 s
// = 0.2 and 4*0.0001*100 s = 0.04; a disk of 36 GiB at 0.01 an hour is 36*0.01/36 = 0.01.
func TestBillStart(t *testing.T) {
	price := func(v float64) *float64 { return &v }
	prices := cost.Book{Currency: "USD", VCPUSecond: price(0.001), MemoryGiBSecond: price(0.0001), DiskGiBHour: price(0.01)}
	app := &workload.App{CPU: 2, MemoryGiB: 4}
	costs := map[string]float64{}
	if err := billStart(costs, prices, app, &matcher.Found{Starts: 100, SizeGiB: 36, Images: []string{"i"}}, 100*time.Second); err != nil {
		t.Fatal(err)
	}
	if math.Abs(costs[cost.BillVCPU]-0.2) > 1e-9 || math.Abs(costs[cost.BillMemory]-0.04) > 1e-9 || math.Abs(costs[cost.BillDisks]-0.01) > 1e-9 {
		t.Errorf("%v", costs)
	}
	for item, want := range map[string]string{
		"ECI vCPU": cost.BillVCPU, "Elastic Container Instance Memory": cost.BillMemory, "vCPU and memory": cost.BillInstances,
		"Elastic Container Instance": cost.BillInstances, "ECS ESSD disk": cost.BillDisks,
		"ECI Temporary storage": cost.BillStorage, "Snapshot storage": cost.BillOther, "Internet traffic": cost.BillOther, "OSS": cost.BillOther,
	} {
		if got := billClass(item); got != want {
			t.Errorf("%s is of %s, want %s", item, got, want)
		}
	}
}

// FuzzReadBill: what is read of a CSV is a bill, whose items stand once each.
func FuzzReadBill(f *testing.F) {
	for _, seed := range []string{"item,amount\na,1\na,2\n", "Product Name,Billing Item,Pretax Amount,Currency\nECI,vCPU,2,USD\n", "item,amount\n\"a\nb\",-1e3\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ReadBill("bill.csv", text)
		if err != nil {
			return
		}
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, i := range b.Items {
			if seen[i.Item] {
				t.Fatalf("%q stands twice", i.Item)
			}
			seen[i.Item] = true
		}
	})
}
