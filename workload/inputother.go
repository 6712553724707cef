package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// takers say which command takes a document of this program, by its kind.
var takers = map[string]string{
	"Workload":      "cachebench simulate, plan and run take it with --workload",
	"Scenario":      "cachebench run takes it, and simulate and plan with --scenario",
	"Inventory":     "cachebench simulate, plan and calibrate take it with --inventory",
	"Timeline":      "cachebench calibrate and report take it",
	"Profile":       "cachebench simulate, plan and calibrate --check take it with --profile",
	"Plan":          "cachebench plan export and report take it",
	"Lock":          "a scenario names it as lock",
	"Prices":        "cachebench simulate, plan and run take it with --prices",
	"Bill":          "cachebench plan and run take it with --bill",
	"Experiment":    "cachebench measure takes it",
	"ECIExperiment": "cachebench measure eci takes it",
	"Sweep":         "cachebench sweep takes it",
	"Caches":        "cachebench match, simulate and plan take it with --caches",
}

// otherwise are the kinds that takers has not: results.
const otherwise = "cachebench report takes results"

// otherInput says what a text is that begins so and is of no format of inputs, and which
// command takes it; empty where it may be of one.
func otherInput(head []byte) string {
	if kind := documentKind(head); kind != "" {
		what, ok := takers[kind]
		if !ok {
			what = otherwise
		}
		return fmt.Sprintf("%s of cachebench, and import reads what clusters tell: %s (docs/files.md says what each kind is)", article(kind), what)
	}
	return otherTable(head)
}

// article is a kind with its article.
func article(kind string) string {
	if strings.ContainsAny(kind[:1], "AEIO") {
		return "an " + kind
	}
	return "a " + kind
}

var (
	ownVersion = regexp.MustCompile(`(?m)^apiVersion:[ \t]*["']?cachebench/`)
	ownKind    = regexp.MustCompile(`(?m)^kind:[ \t]*["']?([A-Za-z]+)`)
)

// documentKind is the kind of a document of this program that begins so; empty for all
// else.
func documentKind(head []byte) string {
	if len(head) == 0 || head[0] != '{' {
		if m := ownKind.FindSubmatch(head); m != nil && ownVersion.Match(head) {
			return string(m[1])
		}
		return ""
	}
	// Only the first keys are looked at: the rest may not be in the head.
	d := json.NewDecoder(bytes.NewReader(head))
	if _, err := d.Token(); err != nil {
		return ""
	}
	own, kind := false, ""
	for d.More() && !(own && kind != "") {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return ""
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			continue
		}
		switch key {
		case "apiVersion":
			own = strings.HasPrefix(text, "cachebench/")
		case "kind":
			kind = text
		}
	}
	if !own {
		return ""
	}
	return kind
}

// otherTable says of a table of text that it is no trace; empty where it is one, or no table.
func otherTable(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text := strings.TrimSpace(string(line))
	if text == "" || strings.ContainsAny(text[:1], "{[#-") || strings.Contains(text, ": ") || strings.HasSuffix(text, ":") {
		return ""
	}
	for _, separator := range []string{",", ";", "\t"} {
		columns := strings.Split(text, separator)
		if len(columns) < 2 {
			continue
		}
		for i := range columns {
			columns[i] = strings.Trim(strings.TrimSpace(columns[i]), `"`)
		}
		has := func(names ...string) bool {
			return !slices.ContainsFunc(names, func(n string) bool {
				return !slices.ContainsFunc(columns, func(c string) bool {
					return strings.EqualFold(strings.NewReplacer(" ", "", "_", "").Replace(c), n)
				})
			})
		}
		const taken = "; import takes CSV of traces alone, with the columns time_seconds,app,images,count (docs/trace.md)"
		switch {
		case separator != "," && slices.Contains(columns, "time_seconds"):
			return fmt.Sprintf("a trace with %q between columns: write it with commas", separator)
		case slices.Contains(columns, "time_seconds"):
			return ""
		case has("item", "amount"), has("billingitem"), has("pretaxamount"):
			return "CSV of a bill: cachebench plan and run take it with --bill" + taken
		case has("digest", "compressedbytes"), has("digest", "unpackedbytes"):
			return "CSV of layers: cachebench simulate, plan and analyze take it with --layer-sizes" + taken
		}
		const most = 8
		more := ""
		if len(columns) > most {
			more = fmt.Sprintf(" and %d more", len(columns)-most)
		}
		return "CSV with the columns " + strings.Join(columns[:min(len(columns), most)], ", ") + more + taken
	}
	return ""
}

// refusedAsOther is the fault of a text that is of no format.
func refusedAsOther(name string, head []byte) error {
	if what := otherInput(head); what != "" {
		return &document.Error{File: name, Line: 1, Message: what}
	}
	return nil
}
