// Package cost prices image caches and the instances that use them.
//
// A Book is a dated list of unit prices in one currency. Bills are sums of
// Money; what a Book lacks is an error when it is needed, never a zero.
//
// It knows no images and no matching; it is handed sizes and times. It prorates
// by the second and does not round to the cent as a settled bill does
// (eci §5.2). Traffic out of a registry is priced only where a Book says so.
//
// Source of the formulas: Alibaba Cloud's ECI billing pages as collected in
// the project's fact sheet, cited as "eci §5".
//
// Use: take International or China, or read a Book from a file; then ask it for
// Build, Keep, Use, Automatic and Instance.
package cost

import (
	"fmt"
	"math"
	"time"
)

// Kind is the kind of a saved Book.
const Kind = "Prices"

// Month is the month of prices that are per month: 30 days (eci §5.3).
const Month = 30 * 24 * time.Hour

// The defaults of a Book that is silent.
const (
	// defaultFreeEphemeralGiB is the ephemeral storage that every instance has
	// for nothing (eci §5.2, page of 2024-08-13; 20 GiB until 2022).
	defaultFreeEphemeralGiB = 30
	// defaultHelperCPU and defaultHelperMemoryGiB are the helper instance that
	// builds a cache (eci §1.2, page of 2024-03-08).
	defaultHelperCPU       = 2
	defaultHelperMemoryGiB = 4
)

// Book is a list of unit prices. A nil price is unknown, and an error when a
// question needs it.
type Book struct {
	// Currency is the ISO 4217 code of every price, as in USD.
	Currency string `json:"currency" document:"required"`
	// Region is where the prices hold.
	Region string `json:"region,omitempty"`
	// Date is when the prices were published, YYYY-MM-DD.
	Date string `json:"date" document:"required"`
	// Source says where they were published.
	Source string `json:"source,omitempty"`
	// VCPUSecond is one vCPU of an instance for a second.
	VCPUSecond *float64 `json:"vcpuSecond,omitempty"`
	// MemoryGiBSecond is one GiB of an instance's memory for a second.
	MemoryGiBSecond *float64 `json:"memoryGiBSecond,omitempty"`
	// EconomyVCPUSecond is one vCPU of an economy instance for a second.
	EconomyVCPUSecond *float64 `json:"economyVCPUSecond,omitempty"`
	// DiskGiBHour is one GiB of a PL1 ESSD for an hour.
	DiskGiBHour *float64 `json:"diskGiBHour,omitempty"`
	// SnapshotGiBMonth is one GiB of stored snapshot for 30 days.
	SnapshotGiBMonth *float64 `json:"snapshotGiBMonth,omitempty"`
	// EphemeralGiBHour is one GiB of ephemeral storage above the free part for
	// an hour; nil is the price of the disk (eci §5.2).
	EphemeralGiBHour *float64 `json:"ephemeralGiBHour,omitempty"`
	// FreeEphemeralGiB is the ephemeral storage that costs nothing; nil is 30.
	FreeEphemeralGiB *float64 `json:"freeEphemeralGiB,omitempty"`
	// InstantAccessGiBHour is what a Flash cache's local snapshot costs beside
	// the rest; nil is 0, for no price is published (eci §1.7, §6 #20).
	InstantAccessGiBHour *float64 `json:"instantAccessGiBHour,omitempty"`
	// Helper is the instance that builds a cache; nil is 2 vCPU and 4 GiB.
	Helper *Shape `json:"helper,omitempty"`
	// Node are the prices of nodes and their images.
	Node Node `json:"node,omitzero"`
}

// Shape is the size of an instance.
type Shape struct {
	// CPU is its number of vCPUs.
	CPU float64 `json:"cpu"`
	// MemoryGiB is its memory.
	MemoryGiB float64 `json:"memoryGiB"`
}

// Node are unit prices of nodes of one's own. A nil price is unknown. GB are
// 10^9 bytes, as traffic is charged.
type Node struct {
	// DiskGiBMonth is one GiB of a node's disk for 30 days.
	DiskGiBMonth *float64 `json:"diskGiBMonth,omitempty"`
	// SnapshotGiBMonth is one GiB of a stored node image for 30 days.
	SnapshotGiBMonth *float64 `json:"snapshotGiBMonth,omitempty"`
	// VolumeInitialisationGB is reading one GB of a snapshot ahead onto a new disk.
	VolumeInitialisationGB *float64 `json:"volumeInitialisationGB,omitempty"`
	// NATEgressGB is one GB through a NAT gateway.
	NATEgressGB *float64 `json:"natEgressGB,omitempty"`
	// RegistryEgressGB is one GB out of the registry.
	RegistryEgressGB *float64 `json:"registryEgressGB,omitempty"`
	// NodeHour is one node for an hour.
	NodeHour *float64 `json:"nodeHour,omitempty"`
}

// Lines are the prices that the Book has, one text each, in the order of the file.
func (b *Book) Lines() []string {
	var lines []string
	for _, p := range b.prices() {
		if p.value != nil {
			lines = append(lines, fmt.Sprintf("%s %g", p.path, *p.value))
		}
	}
	return lines
}

// Money returns amount in the Book's currency, dated with the Book.
func (b Book) Money(amount float64) Money {
	// What is left of sums that should be 0 is no money; adding 0 makes -0 a 0.
	amount = math.Round(amount*1e12)/1e12 + 0
	return Money{Amount: amount, Currency: b.Currency, PriceDate: b.Date}
}

// Build is what making a cache of sizeGiB costs when the helper instance runs
// for helper: the instance and a disk of the cache's size (eci §5.3).
func (b Book) Build(helper time.Duration, sizeGiB float64) (Money, error) {
	shape := b.helper()
	instance, err := b.Instance(shape.CPU, shape.MemoryGiB, helper)
	if err != nil {
		return Money{}, fmt.Errorf("price the build of a cache: %w", err)
	}
	disk, err := b.disk(sizeGiB, helper)
	if err != nil {
		return Money{}, fmt.Errorf("price the build of a cache: %w", err)
	}
	return instance.Plus(disk)
}

func (b Book) helper() Shape {
	if b.Helper != nil {
		return *b.Helper
	}
	return Shape{CPU: defaultHelperCPU, MemoryGiB: defaultHelperMemoryGiB}
}

// Keep is what storing a snapshot of storedGiB of data for d costs. It goes by
// the data stored, not by the cache's size (eci §5.1).
func (b Book) Keep(storedGiB float64, d time.Duration) (Money, error) {
	unit, err := b.need("snapshotGiBMonth", b.SnapshotGiBMonth)
	if err != nil {
		return Money{}, fmt.Errorf("price keeping a cache: %w", err)
	}
	return b.charge(unit*d.Hours()/Month.Hours(), storedGiB, d)
}

// Use is what one instance pays for a disk of sizeGiB made from a manual cache
// over d, from its start to its end (eci §5.3).
func (b Book) Use(sizeGiB float64, d time.Duration) (Money, error) {
	m, err := b.disk(sizeGiB, d)
	if err != nil {
		return Money{}, fmt.Errorf("price the use of a cache: %w", err)
	}
	return m, nil
}

// Automatic is what one instance pays to use an automatic cache of sizeGiB over
// d: ephemeral storage above the free part, else nothing (eci §5.1).
func (b Book) Automatic(sizeGiB float64, d time.Duration) (Money, error) {
	extra := max(0, sizeGiB-b.freeGiB())
	if extra == 0 {
		return b.charge(0, sizeGiB, d)
	}
	name, price := "ephemeralGiBHour", b.EphemeralGiBHour
	if price == nil {
		name, price = "diskGiBHour", b.DiskGiBHour
	}
	unit, err := b.need(name, price)
	if err != nil {
		return Money{}, fmt.Errorf("price the use of an automatic cache: %w", err)
	}
	return b.charge(unit*d.Hours(), extra, d)
}

func (b Book) freeGiB() float64 {
	if b.FreeEphemeralGiB != nil {
		return *b.FreeEphemeralGiB
	}
	return defaultFreeEphemeralGiB
}

// InstantAccess is what a Flash cache's local snapshot of storedGiB costs over
// d; 0 unless the Book has a price.
func (b Book) InstantAccess(storedGiB float64, d time.Duration) (Money, error) {
	var unit float64
	if b.InstantAccessGiBHour != nil {
		unit = *b.InstantAccessGiBHour
	}
	return b.charge(unit*d.Hours(), storedGiB, d)
}

// Instance is what an instance costs over d, counted from the start of its
// image pull to its end (eci §5.3).
func (b Book) Instance(cpu, memoryGiB float64, d time.Duration) (Money, error) {
	return b.instance("vcpuSecond", b.VCPUSecond, cpu, memoryGiB, d)
}

// EconomyInstance is Instance for an economy instance.
func (b Book) EconomyInstance(cpu, memoryGiB float64, d time.Duration) (Money, error) {
	return b.instance("economyVCPUSecond", b.EconomyVCPUSecond, cpu, memoryGiB, d)
}

func (b Book) instance(name string, price *float64, cpu, memoryGiB float64, d time.Duration) (Money, error) {
	vcpu, err := b.need(name, price)
	if err != nil {
		return Money{}, err
	}
	memory, err := b.need("memoryGiBSecond", b.MemoryGiBSecond)
	if err != nil {
		return Money{}, err
	}
	forCPU, err := b.charge(vcpu*d.Seconds(), cpu, d)
	if err != nil {
		return Money{}, err
	}
	forMemory, err := b.charge(memory*d.Seconds(), memoryGiB, d)
	if err != nil {
		return Money{}, err
	}
	return forCPU.Plus(forMemory)
}

func (b Book) disk(sizeGiB float64, d time.Duration) (Money, error) {
	unit, err := b.need("diskGiBHour", b.DiskGiBHour)
	if err != nil {
		return Money{}, err
	}
	return b.charge(unit*d.Hours(), sizeGiB, d)
}

// charge is price per unit times quantity over d, which the price includes
// already; quantities that cannot be would give a negative or endless bill.
func (b Book) charge(price, quantity float64, d time.Duration) (Money, error) {
	if !(quantity >= 0) || math.IsInf(quantity, 1) || d < 0 {
		return Money{}, fmt.Errorf("no price for an amount of %v over %v: both must be finite and at least 0", quantity, d)
	}
	return b.Money(price * quantity), nil
}

func (b Book) need(name string, price *float64) (float64, error) {
	if price == nil {
		return 0, &MissingPriceError{Price: name, Currency: b.Currency, Region: b.Region, Date: b.Date}
	}
	return *price, nil
}

// MissingPriceError says which price a question needed and the Book lacks.
type MissingPriceError struct {
	// Price is its key in the price file.
	Price string
	// Currency, Region and Date are the Book's.
	Currency, Region, Date string
}

func (e *MissingPriceError) Error() string {
	region := e.Region
	if region == "" {
		region = "no named region"
	}
	return fmt.Sprintf("the %s price book (%s, %s) has no %s: add it to a price file, or use a book that has it",
		e.Currency, region, e.Date, e.Price)
}
