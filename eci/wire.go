package eci

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The wire types read one value of an answer in every form that the service is
// known or likely to write it in. What they cannot read is as if it were not
// told: one odd figure is no reason to lose a reply.

// wireText is a text, or a number or boolean in its place.
type wireText string

func (t *wireText) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*t = wireText(text)
		return nil
	}
	switch first(data) {
	case '{', '[', 'n':
	default:
		*t = wireText(data)
	}
	return nil
}

// wireNumber is a number, or a text of one; nil if it is neither.
type wireNumber struct{ value *float64 }

func (n *wireNumber) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(unquote(data), 64)
	if err == nil && value-value == 0 {
		n.value = &value
	}
	return nil
}

func (n wireNumber) float() float64 {
	if n.value == nil {
		return 0
	}
	return *n.value
}

// integer is nil for what is no whole number.
func (n wireNumber) integer() *int {
	if n.value == nil || *n.value != float64(int64(*n.value)) || *n.value > 1<<53 || *n.value < -1<<53 {
		return nil
	}
	value := int(*n.value)
	return &value
}

func (n wireNumber) int() int {
	if value := n.integer(); value != nil {
		return *value
	}
	return 0
}

// wireBool is true or false, or a text of it; nil if it is neither.
type wireBool struct{ value *bool }

func (b *wireBool) UnmarshalJSON(data []byte) error {
	if value, err := strconv.ParseBool(strings.ToLower(unquote(data))); err == nil {
		b.value = &value
	}
	return nil
}

func (b wireBool) bool() bool { return b.value != nil && *b.value }

// wireTime is a time of RFC 3339, with or without its seconds; zero if it is none.
type wireTime struct{ time.Time }

func (t *wireTime) UnmarshalJSON(data []byte) error {
	text := unquote(data)
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if parsed, err := time.Parse(form, text); err == nil {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return nil
}

// told is the first of the times that there is.
func told(times ...wireTime) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.Time
		}
	}
	return time.Time{}
}

// wireObject is an object, nil where there is something else.
type wireObject[T any] struct{ value *T }

func (o *wireObject[T]) UnmarshalJSON(data []byte) error {
	if first(data) != '{' {
		return nil
	}
	o.value = new(T)
	return json.Unmarshal(data, o.value)
}

// get is the zero value where there is no object.
func (o wireObject[T]) get() (value T) {
	if o.value != nil {
		value = *o.value
	}
	return value
}

// wireList is a list, plain or as the only list of an object, as prices have it
// (eci §2.7), without elements that are none.
type wireList[T any] []T

func (l *wireList[T]) UnmarshalJSON(data []byte) error {
	if first(data) == '{' {
		data = onlyList(data)
	}
	elements, err := elementsOf(data)
	*l = nil
	for _, element := range elements {
		var value T
		if first(element) != 'n' && json.Unmarshal(element, &value) == nil {
			*l = append(*l, value)
		}
	}
	return err
}

// elementsOf are those of a list; none of what is no list.
func elementsOf(data []byte) (elements []json.RawMessage, err error) {
	if first(data) != '[' {
		return nil, nil
	}
	err = json.Unmarshal(data, &elements)
	return elements, err
}

// wireRows is the list that an answer is about. An answer without it, unlike one with
// null, is not an empty list; and a row that cannot be read may be the one that was looked
// for: it is told of, and hides no other.
type wireRows[T any] struct {
	list []T
	told bool
	// rows is how many there were, unread says which of them are none.
	rows   int
	unread []string
}

func (r *wireRows[T]) UnmarshalJSON(data []byte) error {
	if first(data) == '{' {
		data = onlyList(data)
	}
	*r = wireRows[T]{told: first(data) == 'n' || first(data) == '['}
	elements, err := elementsOf(data)
	r.rows = len(elements)
	for i, element := range elements {
		var value T
		if first(element) != '{' || json.Unmarshal(element, &value) != nil {
			r.unread = append(r.unread, strconv.Itoa(i+1))
			continue
		}
		r.list = append(r.list, value)
	}
	return err
}

// onlyList is the one member of an object that is a list; nil if there is none, or
// several.
func onlyList(data []byte) []byte {
	var members map[string]json.RawMessage
	var found []byte
	if json.Unmarshal(data, &members) != nil {
		return nil
	}
	for _, member := range members {
		if first(member) != '[' {
			continue
		}
		if found != nil {
			return nil
		}
		found = member
	}
	return found
}

// wireAnnotations is an object, or one in a text (eci §3.3).
type wireAnnotations map[string]string

func (a *wireAnnotations) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	var values map[string]wireText
	if json.Unmarshal(data, &values) != nil || len(values) == 0 {
		return nil
	}
	*a = make(wireAnnotations, len(values))
	for key, value := range values {
		(*a)[key] = string(value)
	}
	return nil
}

func texts(list wireList[wireText]) []string {
	var all []string
	for _, text := range list {
		all = append(all, string(text))
	}
	return all
}

// each converts a list; an empty one is nil.
func each[From, To any](list []From, convert func(From) To) []To {
	if len(list) == 0 {
		return nil
	}
	all := make([]To, len(list))
	for i, from := range list {
		all[i] = convert(from)
	}
	return all
}

// unquote is the text of a JSON text, or the JSON itself.
func unquote(data []byte) string {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return strings.TrimSpace(text)
	}
	return string(data)
}

// first is the first character that is not space; 0 if there is none.
func first(data []byte) byte {
	if data = bytes.TrimSpace(data); len(data) > 0 {
		return data[0]
	}
	return 0
}
