//go:build race

package plan_test

// instances of each kind are held against brute force. The race detector makes it ten
// times as slow, and make test runs it without as well.
const instances = 100
