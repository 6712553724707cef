package document

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// An Error is one fault in a file.
type Error struct {
	File    string // as it was given to Read
	Line    int    // from 1
	Path    string // of the value, such as apps[2].runtimeSeconds; empty for the document
	Message string
}

// Error returns "scenario.yaml:12: apps[2].runtimeSeconds: message".
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Path, e.Message)
}

// Errors are the faults of one file, in the order of its lines.
type Errors struct {
	Faults []*Error // at most 10, at least one
	More   int      // faults beyond those
}

// Error returns one line for each fault.
func (e *Errors) Error() string {
	var lines []string
	for _, fault := range e.Faults {
		lines = append(lines, fault.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more", e.Faults[0].File, e.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, for errors.As.
func (e *Errors) Unwrap() []error {
	var list []error
	for _, fault := range e.Faults {
		list = append(list, fault)
	}
	return list
}

// How many faults an error shows, and how many are kept to choose those from: a
// file of a million wrong lines must not make a million errors.
const (
	shownFaults = 10
	keptFaults  = 200
)

// faults collects what is wrong with one file.
type faults struct {
	list  []*Error
	count int
}

func (f *faults) add(fault *Error) {
	f.count++
	fault.Message = tidy(fault.Message)
	if len(f.list) < keptFaults {
		f.list = append(f.list, fault)
	}
}

// result returns the faults as an error, nil if there are none.
func (f *faults) result() error {
	if f.count == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	shown := f.list[:min(len(f.list), shownFaults)]
	return &Errors{Faults: shown, More: f.count - len(shown)}
}

// one returns a single fault in the form of many.
func one(fault *Error) error {
	fault.Message = tidy(fault.Message)
	return &Errors{Faults: []*Error{fault}}
}

// tidy escapes and cuts what a file must not do to a terminal or to a log.
func tidy(message string) string {
	const most = 1000
	message = cut(message, most)
	if !strings.ContainsFunc(message, unicode.IsControl) {
		return message
	}
	var line strings.Builder
	for _, r := range message {
		if unicode.IsControl(r) {
			quoted := strconv.QuoteRune(r)
			line.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		line.WriteRune(r)
	}
	return line.String()
}

// At returns an error at a path such as "apps[3].name", for the Validate method
// of a type that Read reads: Read adds file and line. Join several with
// errors.Join. A key that holds other than letters, digits, dashes and
// underscores may stand as nodeClasses["gpu.large"].
func At(path string, format string, args ...any) error {
	return &located{path: path, message: fmt.Sprintf(format, args...)}
}

// Under returns err with every path in it put below path, so that a Validate
// method can call those of its fields. A nil err stays nil.
func Under(path string, err error) error {
	var list []error
	for _, fault := range locate(err) {
		list = append(list, &located{path: joinPath(path, fault.path), message: fault.message})
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return joined(list)
}

// located is an error that knows its path but not its file.
type located struct{ path, message string }

func (l *located) Path() string { return l.path }

func (l *located) Error() string {
	if l.path == "" {
		return l.message
	}
	return l.path + ": " + l.message
}

// joined is errors.Join without its loss of the order of nested lists.
type joined []error

func (j joined) Unwrap() []error { return j }

func (j joined) Error() string {
	var lines []string
	for _, err := range j {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// locate flattens a tree of errors into its faults.
func locate(err error) []located {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var list []located
		for _, each := range many.Unwrap() {
			list = append(list, locate(each)...)
		}
		return list
	}
	if placed, ok := err.(*Error); ok { // of a Raw: it knows its place
		return []located{{path: placed.Path, message: placed.Message}}
	}
	path := pathOf(err)
	return []located{{path: path, message: strings.TrimPrefix(err.Error(), path+": ")}}
}

// pathOf returns the path of err or of the first error that it wraps with one.
func pathOf(err error) string {
	for err != nil {
		if pathed, ok := err.(interface{ Path() string }); ok {
			return pathed.Path()
		}
		wrapper, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = wrapper.Unwrap()
	}
	return ""
}
