package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/cachebench/cachebench/reports"
)

// benchmark is all lines of one name.
type benchmark struct {
	// name is without the number of processors, profile its part of that key.
	name, profile string
	// processors is what go test adds to a name, as -4; told where it tells benchmarks
	// apart.
	processors     string
	isTold         bool
	base, app, arm string
	others         []string // further parts of the name, as they stand
	// shown are the others as people read them.
	shown []string
	// qualities tell it from others of its result that people would call the same.
	qualities []string
	config    map[string]string
	figures   []string // in order of their first mention
	values    map[string][]float64
	// starts is how many the first line sums up; 0 where it is not known.
	starts int
	// untimed is of how many of its starts it is not known when they were ready.
	untimed int
	// iterations are the number that the line begins with.
	iterations int
}

// mostValue bounds values, so that none of what is computed of them overflows.
const mostValue = 1e100

// newBenchmark is that of one line.
func newBenchmark(line *benchfmt.Result, isDocument bool) (*benchmark, error) {
	b := &benchmark{config: make(map[string]string), values: make(map[string][]float64), starts: line.Iters, iterations: line.Iters}
	for _, c := range line.Config {
		b.config[c.Key] = string(c.Value)
	}
	if line.Iters <= 0 {
		return nil, fmt.Errorf("%w: %s: Benchmark%s: a number of %d cannot be: it is how often the benchmark ran, 1 or more", ErrResult, place(line, isDocument), line.Name, line.Iters)
	}
	for _, v := range line.Values {
		if !(math.Abs(v.Value) <= mostValue) {
			return nil, fmt.Errorf("%w: %s: %s is %v: write a number, or leave out what is not known", ErrResult, place(line, isDocument), v.Unit, v.Value)
		}
		if v.Value < 0 && !reports.BenchIsSigned(base(line), v.Unit) {
			return nil, fmt.Errorf("%w: %s: Benchmark%s: %s is %v, and is 0 or more", ErrResult, place(line, isDocument), line.Name, v.Unit, v.Value)
		}
		if b.values[v.Unit] == nil {
			b.figures = append(b.figures, v.Unit)
		}
		b.values[v.Unit] = append(b.values[v.Unit], v.Value)
	}
	_, parts := line.Name.Parts()
	b.name, b.base = base(line), base(line)
	for _, part := range parts {
		text := string(part)
		if text[0] == '-' {
			b.processors = text
			continue
		}
		b.name += text
		key, value, ok := strings.Cut(text[1:], "=")
		switch {
		case ok && key == "app" && b.app == "":
			b.app = unescape(value)
		case ok && key == "arm" && b.arm == "":
			b.arm = unescape(value)
		case ok && key == "profile" && b.profile == "":
			b.profile = unescape(value)
		default:
			b.others = append(b.others, text[1:])
		}
	}
	if b.profile == "" {
		b.profile = b.config["profile"]
	}
	return b, nil
}

// base is the first part of a line's name.
func base(line *benchfmt.Result) string {
	name, _ := line.Name.Parts()
	return string(name)
}

// place is where a line stands: file and line, of a document the file alone, whose lines
// are others.
func place(line *benchfmt.Result, isDocument bool) string {
	file, number := line.Pos()
	if isDocument {
		return file
	}
	return fmt.Sprintf("%s:%d", file, number)
}

// unescape takes back what reports.BenchKeys writes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			var c byte
			if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// key tells benchmarks apart, also by the conditions named.
func (b *benchmark) key(conditions []string) string {
	key := []string{b.base, b.app, b.arm}
	key = append(key, b.others...)
	if b.isTold {
		key = append(key, b.processors)
	}
	for _, name := range conditions {
		key = append(key, name+"="+b.condition(name))
	}
	return strings.Join(key, "\x00")
}

// renamed is the benchmark as it is called once words of its app and arm, or what
// follows a slash in them, are others; the same where none is. Of several names
// that a word ends in the longest counts. A package of go test is renamed whole. The
// names that were found are noted as used.
func (b *benchmark) renamed(names map[string]string, used map[string]bool) *benchmark {
	words := func(text string) string {
		list := strings.Split(text, " ")
		for i, word := range list {
			longest := ""
			for old, new := range names {
				before, ok := strings.CutSuffix(word, old)
				if ok && (before == "" || strings.HasSuffix(before, "/")) && len(old) > len(longest) {
					list[i], longest = before+new, old
				}
			}
			if longest != "" && used != nil {
				used[longest] = true
			}
		}
		return strings.Join(list, " ")
	}
	app, arm := words(b.app), words(b.arm)
	toPackage := names[b.config[pkg]]
	if app == b.app && arm == b.arm && toPackage == "" {
		return b
	}
	other := *b
	other.app, other.arm = app, arm
	if toPackage != "" {
		if used != nil {
			used[b.config[pkg]] = true
		}
		other.config = maps.Clone(b.config)
		other.config[pkg] = toPackage
	}
	return &other
}

// full is the name, with the number of processors where that tells.
func (b *benchmark) full() string {
	if b.isTold {
		return b.name + b.processors
	}
	return b.name
}

// label is what people call it: web, cached.
func (b *benchmark) label() string {
	words := []string{cmp.Or(b.full(), "(no name)")}
	switch b.base {
	case reports.BenchCapacity, reports.BenchCapacityOption:
		words = slices.Clone(b.shown)
	case reports.BenchCapacityCurve:
		words = append([]string{"curve"}, b.shown...)
	}
	if b.app != "" || b.arm != "" {
		words = []string{cmp.Or(b.app, reports.AllApps)}
		if b.arm != "" {
			words = append(words, b.arm)
		}
		words = append(words, b.shown...)
		if b.isTold && b.processors != "" {
			words = append(words, b.processors[1:]+" processors")
		}
	}
	return strings.Join(append(words, b.qualities...), ", ")
}

// isFound says that a search found what the benchmark is of: another search may have found
// something else, and lacks nothing.
func (b *benchmark) isFound() bool {
	return b.base == reports.BenchCapacityCurve || b.base == reports.BenchCapacityOption
}

// isSearched says the same, and of what a search looks for where it has reason to.
func (b *benchmark) isSearched() bool {
	if len(b.others) == 0 {
		return b.isFound()
	}
	key, value, _ := strings.Cut(b.others[0], "=")
	return reports.BenchIsSearched(b.base, key, unescape(value))
}

// show writes the further parts of names for people: without escapes, of a sweep the last
// part of each parameter's key, and its scenario only where there are several.
func (r *Result) show() {
	scenarios := make(map[string]bool)
	for _, b := range r.benchmarks {
		b.shown = nil
		for _, other := range b.others {
			if b.base == reports.BenchSweep && strings.HasPrefix(other, "scenario=") {
				scenarios[other] = true
			}
		}
	}
	for _, b := range r.benchmarks {
		for _, other := range b.others {
			key, value, ok := strings.Cut(other, "=")
			switch {
			case b.base != reports.BenchSweep:
			case key == "scenario" && len(scenarios) == 1:
				continue
			case ok:
				other = key[strings.LastIndexByte(key, '.')+1:] + "=" + value
			}
			b.shown = append(b.shown, unescape(other))
		}
	}
}

// qualify tells benchmarks apart that people would call the same, as those of one app
// in two functions or packages of tests.
func (r *Result) qualify() {
	r.show()
	same := make(map[string][]*benchmark)
	for _, b := range r.benchmarks {
		b.qualities = nil
		same[b.label()] = append(same[b.label()], b)
	}
	for _, group := range same {
		for _, of := range []func(*benchmark) string{
			func(b *benchmark) string { return "Benchmark" + b.base },
			func(b *benchmark) string { return b.condition(pkg) },
			func(b *benchmark) string { return b.condition(Source) },
			func(b *benchmark) string { return b.condition(Profile) },
			func(b *benchmark) string { return b.condition(Platform) },
		} {
			if !slices.ContainsFunc(group, func(b *benchmark) bool { return of(b) != of(group[0]) }) {
				continue
			}
			for _, b := range group {
				if text := of(b); text != "" {
					b.qualities = append(b.qualities, text)
				}
			}
		}
	}
}

// condition is one of a benchmark's; empty where it does not tell.
func (b *benchmark) condition(name string) string {
	switch name {
	case Profile:
		return b.profile
	case Machine:
		if b.config["goos"] == "" {
			return ""
		}
		return strings.TrimSpace(b.config["goos"] + "/" + b.config["goarch"] + " " + b.config["cpu"])
	}
	return b.config[name]
}
