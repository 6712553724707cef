package cost

import (
	"fmt"
	"math"
	"time"
)

// Validate reports a missing currency, a date that is none and prices that
// cannot be. Its errors have a Path method that names the key at fault.
func (b *Book) Validate() error {
	if !IsCurrency(b.Currency) {
		return faultAt("currency", "currency %q is not an ISO 4217 code such as USD or CNY", b.Currency)
	}
	if _, err := time.Parse(time.DateOnly, b.Date); err != nil {
		return faultAt("date", "date %q is not YYYY-MM-DD: a price needs its date", b.Date)
	}
	for _, p := range b.prices() {
		if p.value != nil && (!(*p.value >= 0) || math.IsInf(*p.value, 1)) {
			return faultAt(p.path, "%s is %v: it must be finite and at least 0", p.path, *p.value)
		}
	}
	return nil
}

// IsCurrency says whether s has the form of an ISO 4217 code, as USD.
func IsCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for _, r := range s {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return true
}

type namedPrice struct {
	path  string
	value *float64
}

func (b *Book) prices() []namedPrice {
	named := []namedPrice{
		{"vcpuSecond", b.VCPUSecond},
		{"memoryGiBSecond", b.MemoryGiBSecond},
		{"economyVCPUSecond", b.EconomyVCPUSecond},
		{"diskGiBHour", b.DiskGiBHour},
		{"snapshotGiBMonth", b.SnapshotGiBMonth},
		{"ephemeralGiBHour", b.EphemeralGiBHour},
		{"freeEphemeralGiB", b.FreeEphemeralGiB},
		{"instantAccessGiBHour", b.InstantAccessGiBHour},
		{"node.diskGiBMonth", b.Node.DiskGiBMonth},
		{"node.snapshotGiBMonth", b.Node.SnapshotGiBMonth},
		{"node.volumeInitialisationGB", b.Node.VolumeInitialisationGB},
		{"node.natEgressGB", b.Node.NATEgressGB},
		{"node.registryEgressGB", b.Node.RegistryEgressGB},
		{"node.nodeHour", b.Node.NodeHour},
	}
	if b.Helper != nil {
		named = append(named, namedPrice{"helper.cpu", &b.Helper.CPU}, namedPrice{"helper.memoryGiB", &b.Helper.MemoryGiB})
	}
	return named
}

// fault is an error at one key, so that a reader of files can name its line.
// It is this small because the package imports nothing of ours.
type fault struct {
	path, message string
}

func faultAt(path, format string, args ...any) error {
	return &fault{path: path, message: fmt.Sprintf(format, args...)}
}

func (f *fault) Error() string { return f.message }

// Path names the key at fault, as in node.nodeHour.
func (f *fault) Path() string { return f.path }
