package simulate

import (
	"fmt"
	"slices"
	"strings"
)

// The words that the source of a value begins with.
const (
	measured  = "measured"
	published = "published"
	assumed   = "assumed"
)

// sourceWord is the first word of a source.
func sourceWord(source string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(source), " ")
	return strings.TrimRight(word, ":,;")
}

// checkSource refuses a source that does not say what kind it is.
func checkSource(source string) error {
	switch sourceWord(source) {
	case "", measured, published, assumed:
		return nil
	}
	return fmt.Errorf("a source begins with measured, published or assumed, then says where: %q does not", source)
}

// sources counts the values by the first word of their source, empty for none.
func (p *Profile) sources() map[string]int {
	count := make(map[string]int)
	for _, v := range p.values() {
		count[sourceWord(v.source)]++
	}
	return count
}

// Basis says in one sentence how well founded the profile is.
func (p *Profile) Basis() string {
	count := p.sources()
	s := fmt.Sprintf("%d values measured, %d published, %d assumed", count[measured], count[published], count[assumed])
	if n := count[""]; n > 0 {
		s += fmt.Sprintf(", %d without a source", n)
	}
	return s
}

// Sources are those of the profile's values, each once, in order of the values.
func (p *Profile) Sources() []string {
	var list []string
	for _, v := range p.values() {
		if v.source != "" && !slices.Contains(list, v.source) {
			list = append(list, v.source)
		}
	}
	return list
}
