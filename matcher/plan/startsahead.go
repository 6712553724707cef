package plan

// StartsAhead are what the problem's apps can have started ahead of others, with what that
// saves and costs, in the order of the apps: those of which it shortens starts.
func (q *Prepared) StartsAhead() []PrimedApp {
	var all []PrimedApp
	for _, a := range q.base.primings {
		all = append(all, q.base.primedApp(a))
	}
	return all
}
