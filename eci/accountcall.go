package eci

import "context"

// DescribeContainerGroupPrice gives what a group of a size would cost.
func (c *Client) DescribeContainerGroupPrice(ctx context.Context, want PriceQuery) (Price, error) {
	k := &call{action: "DescribeContainerGroupPrice", input: want.InstanceType, read: true}
	if err := want.check(); err != nil {
		return Price{}, err.of(k)
	}
	k.parameters = want.query(c.regionID)
	var reply struct {
		wireReply
		PriceInfo wireObject[wirePrice]
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return Price{}, err
	}
	info := reply.PriceInfo.get()
	if total := info.Price.get(); total.Currency == "" || total.TradePrice.value == nil {
		// Nothing is known to be free, so no figure is not a figure of 0.
		return Price{}, k.lacking("price with a currency", reply.RequestID)
	}
	price := info.price()
	price.RequestID = string(reply.RequestID)
	return price, nil
}

func (w *PriceQuery) query(region string) query {
	q := query{"RegionId": region}
	q.decimal("Cpu", w.VCPU)
	q.decimal("Memory", w.MemoryGiB)
	q.text("InstanceType", w.InstanceType)
	q.number("EphemeralStorage", w.EphemeralStorageGiB)
	q.text("ZoneId", w.ZoneID)
	q.text("SpotStrategy", w.SpotStrategy)
	q.decimal("SpotPriceLimit", w.SpotPriceLimit)
	q.count("SpotDuration", w.SpotDurationHours)
	q.text("ComputeCategory", w.ComputeCategory)
	return q
}

// wirePrice has each list as the only member of an object, which the SDK's types
// cannot decode (eci §0.3).
type wirePrice struct {
	Price      wireObject[wireTotal]
	SpotPrices wireList[wireSpotPrice]
	Rules      wireList[wirePriceRule]
}

type wireTotal struct {
	Currency                                 wireText
	OriginalPrice, DiscountPrice, TradePrice wireNumber
	DetailInfos                              wireList[wirePriceDetail]
}

type wirePriceDetail struct {
	Resource                                 wireText
	OriginalPrice, DiscountPrice, TradePrice wireNumber
	Rules                                    wireList[wirePriceRule]
}

type wireSpotPrice struct {
	ZoneID, InstanceType   wireText
	SpotPrice, OriginPrice wireNumber
}

type wirePriceRule struct{ RuleID, Description wireText }

// price is of an answer that has a price.
func (w wirePrice) price() Price {
	total := w.Price.get()
	return Price{
		Currency:          string(total.Currency),
		OriginalPerSecond: total.OriginalPrice.value, DiscountPerSecond: total.DiscountPrice.value,
		TradePerSecond: *total.TradePrice.value, Details: each(total.DetailInfos, wirePriceDetail.detail),
		Spot: each(w.SpotPrices, wireSpotPrice.price), Rules: each(w.Rules, wirePriceRule.rule),
	}
}

func (w wirePriceDetail) detail() PriceDetail {
	return PriceDetail{
		Resource: string(w.Resource), OriginalPerSecond: w.OriginalPrice.value, DiscountPerSecond: w.DiscountPrice.value,
		TradePerSecond: w.TradePrice.value, Rules: each(w.Rules, wirePriceRule.rule),
	}
}

func (w wireSpotPrice) price() SpotPrice {
	return SpotPrice{string(w.ZoneID), string(w.InstanceType), w.SpotPrice.value, w.OriginPrice.value}
}

func (w wirePriceRule) rule() PriceRule { return PriceRule{string(w.RuleID), string(w.Description)} }

// ListUsage gives the account's quotas in the region and what is used of them.
func (c *Client) ListUsage(ctx context.Context) (Usage, error) {
	k := &call{action: "ListUsage", read: true, parameters: query{"RegionId": c.regionID}}
	var reply struct {
		wireReply
		Attributes wireObject[map[string]wireNumber]
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return Usage{}, err
	}
	usage := Usage{Attributes: make(map[string]float64, len(reply.Attributes.get())), RequestID: string(reply.RequestID)}
	for name, number := range reply.Attributes.get() {
		if number.value != nil {
			usage.Attributes[name] = *number.value
		}
	}
	return usage, nil
}

// DescribeRegions gives the regions of ECI.
func (c *Client) DescribeRegions(ctx context.Context) ([]Region, error) {
	k := &call{action: "DescribeRegions", read: true, parameters: query{"RegionId": c.regionID}}
	var reply struct {
		wireReply
		Regions wireRows[wireRegion]
	}
	if err := c.do(ctx, k, &reply); err != nil {
		return nil, err
	}
	if !reply.Regions.told {
		return nil, k.lacking("Regions", reply.RequestID)
	}
	return each(reply.Regions.list, wireRegion.region), k.unreadRows("Regions", reply.Regions.unread, reply.Regions.rows, reply.RequestID)
}

type wireRegion struct {
	RegionID, RegionEndpoint wireText
	Zones                    wireList[wireText]
}

func (w wireRegion) region() Region {
	return Region{string(w.RegionID), string(w.RegionEndpoint), texts(w.Zones)}
}
