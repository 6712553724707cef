package layers

// Figure is one number that a rule can be about, such as the bytes of a set's
// union.
type Figure struct {
	// Name is what a rule calls it.
	Name string
	// Unit is B (bytes), sec, fraction, or empty for a count or a ratio.
	Unit string
	// Value is in Unit.
	Value float64
	// Estimated says that sizes went in that are estimated.
	Estimated bool
}
