package document

// app is not what tests say it is.
type app struct{}
