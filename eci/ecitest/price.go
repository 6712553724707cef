package ecitest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
)

// describeContainerGroupPrice is DescribeContainerGroupPrice: the price of one
// second, in the nested shape of the documentation (eci §2.7), which the SDK's own
// types cannot decode (eci §0 point 3).
func (s *Server) describeContainerGroupPrice(c *call) (any, *refusal) {
	p := c.given
	cpu, memory := shapeOf(p)
	if p.text("InstanceType") == "" {
		for _, name := range []string{"Cpu", "Memory"} {
			p.required(name)
		}
	}
	extra := p.integer("EphemeralStorage", 0, matcher.MaxExtraStorageGiB, 0)
	spot := p.choice("SpotStrategy", "NoSpot", "SpotAsPriceGo", "SpotWithPriceLimit")
	p.accept("ZoneId", "SpotPriceLimit", "SpotDuration", "ComputeCategory", "ComputeCategory.*")
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	book := s.opt.Prices
	if book.VCPUSecond == nil || book.MemoryGiBSecond == nil {
		return nil, refuse(http.StatusInternalServerError, codeInternal, "the server's price book has no price of vCPU and memory")
	}
	resources := []object{detail("cpu", cpu**book.VCPUSecond), detail("memory", memory**book.MemoryGiBSecond)}
	total := cpu**book.VCPUSecond + memory**book.MemoryGiBSecond
	if extra > 0 {
		// Extra storage costs as the disk does (eci §5.2); its place in the answer
		// is not documented.
		storage := float64(extra) * diskPrice(book) / time.Hour.Seconds()
		resources, total = append(resources, detail("ephemeralStorage", storage)), total+storage
	}
	spots := []object{}
	if spot != "" && spot != "NoSpot" {
		spots = append(spots, object{"ZoneId": s.zonesOf(c.region)[0], "InstanceType": p.text("InstanceType"), "SpotPrice": total / 5, "OriginPrice": total})
	}
	return object{"PriceInfo": object{
		"Price": object{
			"Currency": book.Currency, "OriginalPrice": total, "DiscountPrice": 0, "TradePrice": total,
			"DetailInfos": object{"DetailInfo": resources},
		},
		"SpotPrices": object{"SpotPrice": spots},
		"Rules":      object{"Rule": []object{}},
	}}, nil
}

func detail(resource string, price float64) object {
	return object{
		"Resource": resource, "OriginalPrice": price, "DiscountPrice": 0, "TradePrice": price, "Rules": object{"Rule": []object{}},
	}
}

// diskPrice is a GiB of extra storage for an hour. Where the book has none, as that
// of the China site, it is the international one by the ratio of their vCPU: assumed.
func diskPrice(book *cost.Book) float64 {
	for _, price := range []*float64{book.EphemeralGiBHour, book.DiskGiBHour} {
		if price != nil {
			return *price
		}
	}
	abroad := cost.International()
	return *abroad.DiskGiBHour * *book.VCPUSecond / *abroad.VCPUSecond
}

// zonesOf are the zones of a region.
func (s *Server) zonesOf(region string) []string {
	for _, r := range s.opt.Regions {
		if r.ID == region && len(r.Zones) > 0 {
			return r.Zones
		}
	}
	return []string{region + "-a"}
}

// Limits of an instance (eci §2.8); the most memory is not in the fact sheet and
// is that of 64 vCPU at 8 GiB each.
const (
	maxVCPU   = 64
	maxMemory = 512
)

// shapeOf is the vCPU and the GiB of memory that are asked for: as such, by the
// containers' own, or by an instance type; 2 and 4 without either, as the service's
// examples have it.
func shapeOf(p *parameters) (cpu, memory float64) {
	cpu, memory = p.number("Cpu", 0), p.number("Memory", 0)
	if types := p.text("InstanceType"); types != "" {
		first, _, _ := strings.Cut(types, ",")
		cpu, memory = shapeOfType(first)
	}
	if cpu == 0 {
		cpu = 2
	}
	if memory == 0 {
		memory = 2 * cpu
	}
	if cpu > maxVCPU || memory > maxMemory {
		p.refuse(refuse(http.StatusBadRequest, codeCPUMemory, "The specified CPU %g and memory %g are not supported.", cpu, memory))
	}
	return cpu, memory
}

// shapeOfType reads the vCPU off the name of an instance type, such as
// ecs.c6.2xlarge, and takes 2 GiB for each: an approximation, types differ.
func shapeOfType(name string) (cpu, memory float64) {
	size := name[strings.LastIndexByte(name, '.')+1:]
	cpu = 2
	switch {
	case size == "xlarge":
		cpu = 4
	case strings.HasSuffix(size, "xlarge"):
		if n, err := strconv.Atoi(strings.TrimSuffix(size, "xlarge")); err == nil {
			cpu = float64(4 * n)
		}
	}
	return cpu, 2 * cpu
}
