package eci

// PriceQuery is what DescribeContainerGroupPrice is asked (eci §2.7): VCPU and
// MemoryGiB, or InstanceType.
type PriceQuery struct {
	VCPU                float64 `json:"vCPU,omitempty"`
	MemoryGiB           float64 `json:"memoryGiB,omitempty"`
	InstanceType        string  `json:"instanceType,omitempty"`
	EphemeralStorageGiB int     `json:"ephemeralStorageGiB,omitempty"`
	ZoneID              string  `json:"zoneId,omitempty"`
	SpotStrategy        string  `json:"spotStrategy,omitempty"`
	SpotPriceLimit      float64 `json:"spotPriceLimit,omitempty"`
	SpotDurationHours   *int    `json:"spotDurationHours,omitempty"`
	ComputeCategory     string  `json:"computeCategory,omitempty"`
}

// Price is what a group costs in each second that it is billed. That the figures
// are of a second is worked out, not documented (eci §2.7).
type Price struct {
	// Currency is CNY or USD.
	Currency string `json:"currency"`
	// TradePerSecond is taken for what is paid, by its name: how the three figures
	// hang together is not documented. OriginalPerSecond and DiscountPerSecond are nil
	// where they are not told.
	OriginalPerSecond *float64      `json:"originalPerSecond,omitempty"`
	DiscountPerSecond *float64      `json:"discountPerSecond,omitempty"`
	TradePerSecond    float64       `json:"tradePerSecond"`
	Details           []PriceDetail `json:"details,omitempty"`
	Spot              []SpotPrice   `json:"spot,omitempty"`
	Rules             []PriceRule   `json:"rules,omitempty"`
	RequestID         string        `json:"requestId"`
}

// PriceDetail is the part of one resource, such as cpu. A price is nil where it is not
// told, as where it cannot be read.
type PriceDetail struct {
	Resource          string      `json:"resource"`
	OriginalPerSecond *float64    `json:"originalPerSecond,omitempty"`
	DiscountPerSecond *float64    `json:"discountPerSecond,omitempty"`
	TradePerSecond    *float64    `json:"tradePerSecond,omitempty"`
	Rules             []PriceRule `json:"rules,omitempty"`
}

// SpotPrice is what a spot group of an instance type costs in a zone, per time
// that the service does not say. A price is nil where it is not told.
type SpotPrice struct {
	ZoneID       string   `json:"zoneId"`
	InstanceType string   `json:"instanceType"`
	Spot         *float64 `json:"spot,omitempty"`
	Original     *float64 `json:"original,omitempty"`
}

// PriceRule is a promotion that the price has in it.
type PriceRule struct {
	ID          string `json:"id"`
	Description string `json:"description,omitempty"`
}
