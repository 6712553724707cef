package cost

// International is the book of the international site, in USD. Its instance
// prices hold for the site, its disk and snapshot prices for cn-hangzhou: the
// published billing example uses them together (eci §5.2, page of 2024-03-08).
func International() Book {
	return Book{
		Currency:          "USD",
		Region:            "cn-hangzhou",
		Date:              "2024-03-08",
		Source:            "Alibaba Cloud international site, ECI image caches: billing rules and examples",
		VCPUSecond:        price(0.0000077),  // 2024-03-08
		MemoryGiBSecond:   price(0.00000096), // 2024-03-08
		EconomyVCPUSecond: price(0.00000424), // billing of elastic container instances, 2024-01-16
		// 0.05 per 100 GiB and hour, 2024-03-08. Older pages: 0.0320 (2021-09)
		// and 0.03188 (2022-09).
		DiskGiBHour:      price(0.0005),
		SnapshotGiBMonth: price(0.02), // 2024-03-08
		FreeEphemeralGiB: price(30),   // ephemeral storage, 2024-08-13
	}
}

// China is the book of the China site, in CNY. The pages at hand state no price
// of disks and snapshots there, so it can price instances but no manual cache
// (eci §5.2, page of 2024-01-16).
func China() Book {
	return Book{
		Currency:          "CNY",
		Region:            "China site",
		Date:              "2024-01-16",
		Source:            "Alibaba Cloud China site, billing of elastic container instances",
		VCPUSecond:        price(0.000049),   // 2024-01-16
		MemoryGiBSecond:   price(0.00000613), // 2024-01-16
		EconomyVCPUSecond: price(0.000027),   // 2024-01-16
		FreeEphemeralGiB:  price(30),         // ephemeral storage, 2024-08-13
	}
}

func price(p float64) *float64 { return &p }
