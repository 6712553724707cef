package plan

// arm is one arm's month: seconds and money.
type arm struct{ ready, caches, instances float64 }

func (m *model) totals(c *choice) []Total {
	var cold, automatic, baseline arm
	known := true
	for _, a := range m.apps {
		cold.add(a, []finding{{starts: a.starts, startup: a.cold}})
		automatic.add(a, a.automatic)
		baseline.add(a, a.baseline)
		known = known && (a.automatic != nil || a.starts == 0)
	}
	automatic.caches += m.existingBill()
	if m.Baseline == Automatic {
		baseline.caches += m.existingBill()
	}
	planned := baseline
	planned.ready -= m.saved(c)
	planned.caches += c.Cost
	for i, a := range m.apps {
		if e := m.effectOf(c, i); e != nil {
			planned.caches -= e.useSaved + e.priming
			planned.instances += e.priming - e.billedSaved*a.instance
		}
	}
	totals := []Total{m.total("cold", cold, baseline)}
	if known {
		totals = append(totals, m.total("automatic", automatic, baseline))
	}
	return append(totals, m.total("planned", planned, baseline))
}

func (t *arm) add(a *app, found []finding) {
	for _, f := range found {
		t.ready += f.starts * f.ready
		t.caches += f.starts * f.use
		t.instances += f.starts * f.billed * a.instance
	}
}

func (m *model) total(name string, t, baseline arm) Total {
	return Total{
		Arm: name, StartupSeconds: duration(t.ready),
		Caches: m.Prices.Money(t.caches), Instances: m.Prices.Money(t.instances),
		NetSaved: m.Prices.Money(baseline.caches + baseline.instances - t.caches - t.instances),
	}
}
