package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
)

// priceExisting works out what storing each existing cache costs in the month, of which it
// is known. Without an app of its own a plan builds no cache: then there may be no price.
func (m *model) priceExisting() error {
	m.keepExisting = make(map[string]*cost.Money, len(m.Existing))
	for i := range m.Existing {
		e := &m.Existing[i]
		if !m.isStored(e) {
			m.keepExisting[e.ID] = m.money(0)
			continue
		}
		held, _, known := m.holds(e)
		if !known || len(m.apps) == 0 && m.Prices.SnapshotGiBMonth == nil {
			continue
		}
		bytes, _ := m.unpacked(held)
		keep, err := m.Prices.Keep(float64(bytes)/bytesPerGiB, m.storedFor(e))
		if err != nil {
			return fmt.Errorf("storage of existing cache %s: %w", e.ID, err)
		}
		m.keepExisting[e.ID] = &keep
	}
	return nil
}

// isStored says whether storage is paid for a cache: automatic ones are kept for free (eci
// §5.1), and of a failed one nothing is kept.
func (m *model) isStored(e *matcher.Cache) bool {
	return !e.Automatic && e.Status != matcher.StatusFailed && m.storedFor(e) > 0
}

// storedFor is how much of the month a cache is there: it is deleted when it expires (eci
// §1.5).
func (m *model) storedFor(e *matcher.Cache) time.Duration {
	if e.ExpireTime.IsZero() {
		return month
	}
	return min(month, max(0, e.ExpireTime.Sub(m.At)))
}

// storedWords says for how long a cache's storage is paid.
func (m *model) storedWords(e *matcher.Cache) string {
	if m.storedFor(e) == month {
		return "a month"
	}
	return "until it expires at " + e.ExpireTime.UTC().Format(time.RFC3339)
}

// holds are the layers of an existing cache: of what it was built from, or where that is
// not told of what its references mean now, which is assumed then. They are not known where
// the Inventory does not list what it names.
func (m *model) holds(e *matcher.Cache) (held layerSet, assumed, known bool) {
	for _, ref := range e.Images {
		i := m.find(ref)
		if k := slices.IndexFunc(e.Contents, func(c matcher.Content) bool { return c.Reference == ref }); k >= 0 {
			i = m.findDigest(e.Contents[k].Digest)
		} else if !strings.Contains(ref, "@") { // a tag may have moved since
			assumed = true
		}
		if i < 0 {
			return nil, false, false
		}
		held = append(held, m.Inventory.Images[i].Layers...)
	}
	slices.Sort(held)
	return slices.Compact(held), assumed, true
}

// existingBill is what storing the existing caches costs a month, as far as it is known.
func (m *model) existingBill() float64 {
	bill := 0.0
	for i := range m.Existing { // in order, so that the sum is the same every time
		if keep := m.keepExisting[m.Existing[i].ID]; keep != nil {
			bill += keep.Amount
		}
	}
	return bill
}
