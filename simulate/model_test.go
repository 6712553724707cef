package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/golden"
)

const modelFile = "../docs/model.md"

// TestModelDocument holds the generated parts of docs/model.md, between markers,
// to the profiles: every parameter with its defaults and sources, and what a file
// may say, found by reading files. With -update they are rewritten.
func TestModelDocument(t *testing.T) {
	text, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := parameterRows(t)
	filled := map[string]bool{}
	got := regexp.MustCompile(`(?s)(<!-- generated: (\S+) -->\n).*?(<!-- end -->)`).ReplaceAllStringFunc(string(text), func(part string) string {
		begin, _, _ := strings.Cut(part, "\n")
		name := strings.Fields(begin)[2]
		filled[name] = true
		var made string
		switch name {
		case "profiles":
			made = profileTable(t)
		case "decoders":
			made = decoderTable()
		default:
			made = rows[name]
		}
		if made == "" {
			t.Errorf("%s has a part %q of which nothing is known", modelFile, name)
		}
		return begin + "\n" + made + "<!-- end -->"
	})
	for group := range rows {
		if !filled[group] {
			t.Errorf("%s lacks the part <!-- generated: %s -->", modelFile, group)
		}
	}
	golden.Equal(t, modelFile, []byte(got))
}

// TestModelLinks: the files and sections that docs/model.md links to exist, each
// section once.
func TestModelLinks(t *testing.T) {
	text, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) == 0 {
		t.Fatal("no links")
	}
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		name = strings.ReplaceAll(name, " ", "-")
		if sections[name] {
			t.Errorf("two sections are called #%s", name)
		}
		sections[name] = true
	}
	for _, link := range links {
		if link[1] == "" {
			if !sections[link[2]] {
				t.Errorf("there is no section #%s", link[2])
			}
			continue
		}
		if _, err := os.Stat(filepath.Join("../docs", link[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestModelExamples: the profiles that docs/model.md shows can be read.
func TestModelExamples(t *testing.T) {
	text, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		example := block[1]
		if !strings.Contains(example, "kind:") {
			example = "apiVersion: cachebench/v1\nkind: Profile\nname: p\n" + example
		}
		if _, err := ReadProfile("example.yaml", []byte(example)); err != nil {
			t.Errorf("%v\n%s", err, example)
		}
	}
}

// TestValuesListEveryField: what a profile's file may state under a group is in
// Values, but for links and where nodes stand, which are not single values.
func TestValuesListEveryField(t *testing.T) {
	listed := map[string]bool{"network.links": true, "network.attach": true}
	for _, v := range Containerd().Values() {
		listed[v.Name] = true
	}
	var walk func(typ reflect.Type, above string)
	walk = func(typ reflect.Type, above string) {
		for field := range typ.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			name := above + key
			switch {
			case strings.HasPrefix(field.Type.Name(), "Parameter[") || field.Type.Kind() != reflect.Struct:
				if !listed[name] && above != "" {
					t.Errorf("%s is not in Values", name)
				}
			default:
				walk(field.Type, name+".")
			}
		}
	}
	walk(reflect.TypeFor[Profile](), "")
}

func parameterRows(t *testing.T) map[string]string {
	var profiles []*Profile
	for _, b := range builtIns() {
		profiles = append(profiles, b.make())
	}
	explained := map[string]explained{}
	for _, x := range explanations() {
		explained[x.key] = x
	}
	meanings, defaults := map[string]string{}, map[string]string{}
	for i, v := range profiles[0].Values() {
		group, _, _ := strings.Cut(v.Name, ".")
		x, ok := explained[v.Name]
		if !ok || x.meaning == "" || x.measure == "" {
			t.Errorf("explanations lacks %s: say what it means and how to measure it", v.Name)
		}
		delete(explained, v.Name)
		meanings[group] += fmt.Sprintf("| `%s` | %s | %s | %s |\n", v.Name, x.meaning, allowed(v.Name), x.measure)
		defaults[group] += defaultRows(profiles, i)
	}
	for key := range explained {
		t.Errorf("explanations has %s, which no profile has", key)
	}
	rows := map[string]string{}
	for group := range meanings {
		rows[group] = "| key | meaning | a file may say | how to measure it on your hosts |\n|---|---|---|---|\n" + meanings[group] +
			"\n| key | built-in profile | default | source |\n|---|---|---|---|\n" + defaults[group]
	}
	return rows
}

// defaultRows are the defaults of the i-th parameter, one row for the profiles
// that agree in value and source.
func defaultRows(profiles []*Profile, i int) string {
	var order []Value
	of := map[Value][]string{}
	for _, p := range profiles {
		v := p.Values()[i]
		if of[v] == nil {
			order = append(order, v)
		}
		of[v] = append(of[v], p.Name)
	}
	var rows strings.Builder
	for k, v := range order {
		key, names := "", strings.Join(of[v], ", ")
		if k == 0 {
			key = "`" + v.Name + "`"
		}
		if len(of[v]) == len(profiles) {
			names = "all"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", key, names, v.Value, v.Source)
	}
	return rows.String()
}

func profileTable(t *testing.T) string {
	rows := "| name | what it is | how well founded |\n|---|---|---|\n"
	what := map[string]string{
		"containerd":        "a node with containerd 2.1 or newer under the kubelet",
		"containerd-1":      "a node with containerd 1.7 under the kubelet",
		"docker":            "a host with Docker Engine 28 and its graph drivers, no kubelet",
		"eci":               "an instance of its own on Alibaba Cloud ECI; starts are admitted by the newest published limit",
		"eci-calls":         "the same, admitted by the older published limit of calls a minute",
		"eci-virtual-nodes": "the same, admitted as fast as ACK virtual nodes are said to start pods",
	}
	for _, b := range builtIns() {
		if what[b.name] == "" {
			t.Errorf("say what profile %s is", b.name)
		}
		rows += fmt.Sprintf("| `%s` | %s | %s |\n", b.name, what[b.name], b.make().Basis())
	}
	return rows
}

func decoderTable() string {
	rows := "| `unpack.decoder` | what it is | unpacked bytes a second on one core | source |\n|---|---|---|---|\n"
	for _, d := range Decoders() {
		rows += fmt.Sprintf("| `%s` | %s | %s | %s |\n", d.Name, d.What, show(&d.Gzip), d.Gzip.Source)
	}
	return rows
}

// allowed words what a profile's file may say for a key, by what reading one
// accepts.
func allowed(key string) string {
	ok := func(value string) bool { return readOne(key, value) == nil }
	if ok("true") {
		return "true or false"
	}
	if err := readOne(key, "no-such-word"); err != nil {
		if _, words, found := strings.Cut(err.Error(), `"no-such-word" is none of `); found {
			words, _, _ = strings.Cut(words, " (profile")
			words, _, _ = strings.Cut(words, ";")
			return "one of " + words
		}
	}
	var within string
	switch above0, zero, many := ok("0.1"), ok("0"), ok("100000"); {
	case !above0 && zero && !many:
		within = "whole number, 0 to 100"
	case !above0 && !zero && ok("1.5"):
		within = "1 or more"
	case !above0 && !zero && ok("100000"):
		within = "whole number, 1 or more"
	case !above0 && !zero:
		within = "whole number, 1 to 100"
	case above0 && !zero && !many:
		within = "above 0, up to 1"
	case zero && many:
		within = "0 or more"
	case zero:
		within = "0 to 1"
	default:
		within = "above 0"
	}
	words := []string{unitOf(key) + within}
	if ok("unlimited") {
		words = append(words, "`unlimited`")
	}
	if ok("{distribution: uniform, min: 1, max: 2}") && ok("{distribution: lognormal, median: 1, sigma: 0.5}") {
		words = append(words, "or a distribution")
	}
	return strings.Join(words, ", ")
}

func unitOf(key string) string {
	for _, unit := range [][2]string{{"BytesPerSecond", "bytes a second, "}, {"PerSecond", "a second, "}, {"Seconds", "seconds, "}, {"GiB", "GiB, "}, {"Fraction", "share, "}} {
		if strings.HasSuffix(key, unit[0]) {
			return unit[1]
		}
	}
	return ""
}

// readOne reads a profile that states one value.
func readOne(key, value string) error {
	keys := strings.Split(key, ".")
	text := "apiVersion: cachebench/v1\nkind: Profile\nname: p\n"
	switch key {
	case "node.highFraction":
		text += "node: {lowFraction: 0, highFraction: " + value + "}\n"
	case "node.lowFraction":
		text += "node: {highFraction: 1, lowFraction: " + value + "}\n"
	default:
		text += strings.Join(keys, ": {") + ": " + value + strings.Repeat("}", len(keys)-1) + "\n"
	}
	_, err := ReadProfile("p.yaml", []byte(text))
	return err
}

// TestModelErrors: the measured errors that docs/model.md tells are those of
// docs/validation.md, which make validate writes, and its worst kinds are not left out.
func TestModelErrors(t *testing.T) {
	model, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	validation, err := os.ReadFile("../docs/validation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, world, ok := strings.Cut(string(model), "| predicted | fitted to | mean | worst | noise floor | fetch + unpack |")
	if !ok {
		t.Fatal("no table of measured errors")
	}
	aims := tableRows(string(validation))
	told := map[string]bool{}
	for _, row := range tableRows(world) {
		if len(row) != 6 || strings.HasPrefix(row[2], "-") {
			continue
		}
		told[row[0]] = true
		// predicted, fitted to, aim, arms, mean, worst, bias, noise floor, bytes / bandwidth, fetch + unpack, met
		found := false
		for _, aim := range aims {
			if len(aim) == 11 && aim[0] == row[0] && aim[1] == row[1] {
				beside, _, _ := strings.Cut(aim[9], ",")
				found = aim[4] == row[2] && aim[5] == row[3] && aim[7] == row[4] && beside == row[5]
			}
		}
		if !found {
			t.Errorf("%q is not so in docs/validation.md", row)
		}
	}
	for _, aim := range aims {
		if len(aim) == 11 && aim[1] == "the other half of the arms" && !told[aim[0]] {
			t.Errorf("%s tells no error of %s", modelFile, aim[0])
		}
	}
	if len(told) < 5 {
		t.Errorf("errors of %v alone", told)
	}
	for _, sentence := range []string{
		"Arms of images that the fit had not seen: 4.8 % in the mean, at worst 22.5 %.",
		"The built-in profile `containerd`, as it is: 36.4 %, at worst 124.9 %.",
		"Of 15 aims 14 are met",
	} {
		for name, text := range map[string][]byte{modelFile: model, "docs/validation.md": validation} {
			if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), sentence) {
				t.Errorf("%s does not say: %s", name, sentence)
			}
		}
	}
}

// tableRows are the cells of a page's tables.
func tableRows(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "| ") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}
