package ecitest

import (
	"crypto/sha256"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parameters are those of one call. The first fault that is met while they are
// read is kept; what is read is noted, so that the rest is known to be unknown.
type parameters struct {
	values map[string]string
	// empty are those that were given without a value.
	empty map[string]bool
	// names are the keys in order.
	names []string
	read  map[string]bool
	fault *refusal
}

// protocol are the parameters that every call has (eci §2.1).
var protocol = []string{
	"Action", "Version", "Format", "AccessKeyId", "Timestamp", "SignatureMethod", "SignatureVersion",
	"SignatureType", "SignatureNonce", "Signature", "SecurityToken",
}

// maxIndex bounds the N of Name.N: far more than any list may have (eci §2).
const maxIndex = 1000

// parse takes the parameters of a call: the first of each name. One without a value
// is as good as not given but where that clears something: most clients drop those
// (eci §2.1).
func parse(given url.Values) *parameters {
	p := &parameters{values: make(map[string]string), empty: make(map[string]bool), read: make(map[string]bool)}
	for name, values := range given {
		switch {
		case slices.Contains(protocol, name) || len(values) == 0:
		case values[0] == "":
			p.empty[name] = true
		default:
			p.values[name] = values[0]
		}
	}
	p.names = slices.Sorted(maps.Keys(p.values))
	return p
}

// refuse keeps the first fault.
func (p *parameters) refuse(r *refusal) {
	if p.fault == nil {
		p.fault = r
	}
}

// text is a parameter, empty when it was not given.
func (p *parameters) text(name string) string {
	p.read[name] = true
	return p.values[name]
}

func (p *parameters) required(name string) string {
	text := p.text(name)
	if text == "" {
		p.refuse(missing(name))
	}
	return text
}

// choice is a text that is one of those; empty when it was not given.
func (p *parameters) choice(name string, among ...string) string {
	text := p.text(name)
	if text != "" && !slices.Contains(among, text) {
		p.refuse(invalid(name, "%q is none of %s", text, strings.Join(among, ", ")))
	}
	return text
}

// integer is a whole number from least to most, otherwise where it was not given.
func (p *parameters) integer(name string, least, most, otherwise int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.refuse(invalid(name, "%q is no whole number from %d to %d", text, least, most))
		return otherwise
	}
	return n
}

// number is a number that is not negative, otherwise where it was not given.
func (p *parameters) number(name string, otherwise float64) float64 {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) {
		p.refuse(invalid(name, "%q is no number of at least 0", text))
		return otherwise
	}
	return x
}

func (p *parameters) flag(name string) bool {
	switch text := p.text(name); {
	case text == "" || strings.EqualFold(text, "false"):
		return false
	case strings.EqualFold(text, "true"):
		return true
	default:
		p.refuse(invalid(name, "%q is neither true nor false", text))
		return false
	}
}

// elements are the indices N of Name.N or Name.N.Field, in order; they begin at 1
// (eci §2.1) and may leave some out.
func (p *parameters) elements(name string, most int) []int {
	var indices []int
	first, _ := slices.BinarySearch(p.names, name+".")
	for _, key := range p.names[first:] {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			break
		}
		index, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(index)
		if err != nil || n < 1 || n > maxIndex || index != strconv.Itoa(n) {
			p.refuse(invalid(key, "%q is no index from 1 on", index))
			continue
		}
		if !slices.Contains(indices, n) {
			indices = append(indices, n)
		}
	}
	slices.Sort(indices)
	if len(indices) > most {
		p.refuse(invalid(name, "it has %d elements, at most %d are allowed", len(indices), most))
		indices = indices[:most]
	}
	return indices
}

// list are the values of Name.N.
func (p *parameters) list(name string, most int) []string {
	var list []string
	for _, n := range p.elements(name, most) {
		if text := p.text(name + "." + strconv.Itoa(n)); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// objects are the prefixes Name.N of Name.N.Field.
func (p *parameters) objects(name string, most int) []string {
	var prefixes []string
	for _, n := range p.elements(name, most) {
		prefixes = append(prefixes, name+"."+strconv.Itoa(n))
	}
	return prefixes
}

// accept notes parameters as known that nothing depends on; a * at the end stands
// for anything.
func (p *parameters) accept(patterns ...string) {
	for _, name := range p.names {
		for _, pattern := range patterns {
			if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, prefix) || name == pattern {
				p.read[name] = true
			}
		}
	}
}

// unknown are the parameters that nothing has read.
func (p *parameters) unknown() []string {
	return slices.DeleteFunc(slices.Clone(p.names), func(name string) bool { return p.read[name] })
}

// malformed are the parameters with the text of a Go value that was not encoded.
func (p *parameters) malformed() []string {
	var all []string
	for _, name := range p.names {
		if value := p.values[name]; strings.HasPrefix(value, "<") && strings.HasSuffix(value, " Value>") {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// fingerprint is the same for two calls that ask for the same.
func (p *parameters) fingerprint() [sha256.Size]byte {
	var all []byte
	for _, name := range p.names {
		all = strconv.AppendQuote(strconv.AppendQuote(all, name), p.values[name])
	}
	return sha256.Sum256(all)
}
