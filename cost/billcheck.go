package cost

// The items of a bill that the model knows, and the rest.
const (
	// BillInstances are vCPU and memory together, where a bill does not have both apart.
	BillInstances = "instances"
	BillVCPU      = "vCPU"
	BillMemory    = "memory"
	BillDisks     = "disks of caches"
	BillStorage   = "extra storage"
	BillOther     = "not modelled"
)

// BillCheck is a real bill beside what the model says that the month costs, before any
// saving: how far the model's money is to be trusted.
type BillCheck struct {
	Currency string `json:"currency"`
	// GapFraction is by how much the modelled month is above what was billed for the same
	// items, of what was billed; below 0 where it is less, absent where there is nothing to
	// compare.
	GapFraction *float64 `json:"gapFraction,omitempty" document:"signed"`
	// Modelled and Billed are of the items that the model has, OtherBilled what was billed
	// for others.
	Modelled    float64 `json:"modelled"`
	Billed      float64 `json:"billed" document:"signed"`
	OtherBilled float64 `json:"otherBilled" document:"signed"`
	// ModelledSpread is how far the starts of a month, as many as come by chance, move Modelled
	// to either side in 95 of 100 months; absent where the starts are those of a trace.
	ModelledSpread *float64 `json:"modelledSpread,omitempty"`
	// CoverageFraction is the share of starts that the model has.
	CoverageFraction float64 `json:"coverageFraction"`
	// Unknown says why the model has no amounts.
	Unknown string    `json:"unknown,omitempty"`
	Rows    []BillRow `json:"rows,omitempty"`
}

// BillRow is one item.
type BillRow struct {
	Item string `json:"item"`
	// Of are the bill's own items that it sums up.
	Of     []string `json:"of,omitempty"`
	Billed float64  `json:"billed" document:"signed"`
	// Modelled is absent where the model has no such item.
	Modelled *float64 `json:"modelled,omitempty"`
}

// Add adds an item to the rows and to the sums.
func (b *BillCheck) Add(r BillRow) {
	b.Rows = append(b.Rows, r)
	b.GapFraction = nil
	if r.Modelled == nil {
		b.OtherBilled += r.Billed
	} else {
		b.Billed += r.Billed
		b.Modelled += *r.Modelled
	}
	if b.Unknown == "" && b.Billed > 0 {
		gap := b.Modelled/b.Billed - 1
		b.GapFraction = &gap
	}
}
