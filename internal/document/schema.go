package document

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of a kind whose documents have
// the Go type of v, for editors and for other programs. Describe supplies the
// words for a type (its field is "") and for a field; it may be nil. The schema
// is Read's rules as far as a schema can state them; that null stands for an
// absent key is left out, for nobody should write it.
func Schema(kind string, v any, describe func(t reflect.Type, field string) string) ([]byte, error) {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return nil, fmt.Errorf("document: schema of %s from nil", kind)
	}
	c, err := rootCodec(t)
	if err != nil {
		return nil, err
	}
	if describe == nil {
		describe = func(reflect.Type, string) string { return "" }
	}
	s := &schemer{describe: describe, names: map[schemaKey]string{}, taken: map[string]bool{}}
	e := &encoder{}
	e.object(s.document(kind, c))
	e.out = append(e.out, '\n')
	return e.out, e.err
}

// An object is a JSON object whose members keep their order. Values are string,
// bool, int64, float64, object, []object and []string.
type object []member

type member struct {
	key   string
	value any
}

// with returns the object with one more member, unless the value is empty text.
func (o object) with(key string, value any) object {
	if value == "" {
		return o
	}
	return append(o, member{key, value})
}

// A schemer collects the definitions of named structs. A struct whose fields
// take the unit or the enum of the key above them has a definition for each.
type schemer struct {
	describe func(t reflect.Type, field string) string
	defs     object
	names    map[schemaKey]string
	taken    map[string]bool
}

type schemaKey struct {
	typ  reflect.Type
	unit unit
	enum string
}

func (s *schemer) document(kind string, c *structCodec) object {
	properties := object{
		{versionKey, object{{"const", APIVersion}}},
		{kindKey, object{{"const", kind}}},
	}
	schema := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", APIVersion + "/" + kind},
		{"title", kind},
	}
	schema = schema.with("description", s.describe(c.typ, ""))
	body := s.mapping(c, properties, []string{versionKey, kindKey})
	schema = append(schema, body...)
	if len(s.defs) > 0 {
		schema = schema.with("$defs", s.defs)
	}
	return schema
}

// mapping returns the schema of a struct's mapping, after properties that it has
// besides its fields.
func (s *schemer) mapping(c *structCodec, properties object, required []string) object {
	for i := range c.fields {
		f := &c.fields[i]
		schema := f.codec.schema(s).with("description", s.fieldWords(f, c.fields))
		properties = properties.with(f.name, schema)
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := object{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		schema = schema.with("required", required)
	}
	return schema.with("additionalProperties", false)
}

var (
	goNil = regexp.MustCompile(`\bnil\b`)
	// goName is a Go name that is no English word: it has a capital within.
	goName = regexp.MustCompile(`\b[A-Z][A-Za-z]*[a-z][A-Z][A-Za-z]*\b`)
)

// fieldWords returns a field's description in the words of one who knows the
// file and not the Go type: it begins with the key, nil is an absent one, and the
// fields beside it are their keys.
func (s *schemer) fieldWords(f *field, beside []field) string {
	words := goNil.ReplaceAllString(s.describe(f.owner, f.goName), "absent")
	words = goName.ReplaceAllStringFunc(words, func(name string) string {
		for i := range beside {
			if beside[i].goName == name {
				return beside[i].name
			}
		}
		return name
	})
	if rest, ok := strings.CutPrefix(words, f.goName+" "); ok {
		return f.name + " " + rest
	}
	return words
}

func (c *structCodec) schema(s *schemer) object {
	if c.typ.Name() == "" {
		return s.either(c)
	}
	key := schemaKey{typ: c.typ}
	if c.usesUnit {
		key.unit = c.above.unit
	}
	if c.usesEnum {
		key.enum = c.above.enum
	}
	name, known := s.names[key]
	if !known {
		name = s.name(key)
		s.names[key] = name
		at := len(s.defs)
		s.defs = append(s.defs, member{key: name})
		schema := object(nil).with("description", s.describe(c.typ, ""))
		s.defs[at].value = append(schema, s.either(c)...)
	}
	return object{{"$ref", "#/$defs/" + name}}
}

// either is a struct's mapping or its shorthand.
func (s *schemer) either(c *structCodec) object {
	mapping := s.mapping(c, nil, nil)
	if c.shorthand == nil {
		return mapping
	}
	return object{{"anyOf", []object{c.shorthand.codec.schema(s), mapping}}}
}

// name returns a free name for a type's definition: the type's own, with the unit
// if it has one from its key, and with the package if another type came first.
func (s *schemer) name(key schemaKey) string {
	name, _, _ := strings.Cut(key.typ.Name(), "[")
	if key.unit != plain {
		name += "." + key.unit.name()
	}
	if s.taken[name] {
		name = packageOf(key.typ) + "." + name
	}
	base := name
	for n := 2; s.taken[name]; n++ {
		name = fmt.Sprintf("%s.%d", base, n)
	}
	s.taken[name] = true
	return name
}

// packageOf returns the name of the package that declares a type.
func packageOf(t reflect.Type) string {
	name, _, _ := strings.Cut(t.String(), ".")
	return name
}

func (boolCodec) schema(*schemer) object { return object{{"type", "boolean"}} }
func (rawCodec) schema(*schemer) object  { return object{} }

func (c textCodec) schema(*schemer) object {
	text := object{{"type", "string"}}
	if c.orNumber {
		return object{{"anyOf", []object{{{"type", "number"}}, text}}}
	}
	return text
}

func (timeCodec) schema(*schemer) object {
	const pattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$`
	return object{{"type", "string"}, {"pattern", pattern}}
}

func (c stringCodec) schema(*schemer) object {
	schema := object{{"type", "string"}}
	if c.allowed != nil {
		schema = schema.with("enum", c.allowed)
	}
	return schema
}

func (c durationCodec) schema(*schemer) object { return c.rule.schema("number", true) }

func (c numberCodec) schema(*schemer) object {
	if c.isFloat() {
		return c.rule.schema("number", true)
	}
	schema := c.rule.schema("integer", false)
	if c.rule.unit == plain && c.kind >= reflect.Uint && c.kind <= reflect.Uint64 {
		schema = schema.with("minimum", int64(0))
	}
	if c.rule.unit == plain && c.bits < 64 {
		schema = c.range32(schema)
	}
	return schema
}

// range32 states the limits of the integers that are shorter than 64 bits.
func (c numberCodec) range32(schema object) object {
	if c.kind >= reflect.Uint && c.kind <= reflect.Uint64 {
		return schema.with("maximum", int64(1)<<c.bits-1)
	}
	most := int64(1)<<(c.bits-1) - 1
	return schema.with("minimum", -most-1).with("maximum", most)
}

func (c pointerCodec) schema(s *schemer) object { return c.elem.schema(s) }

func (c sliceCodec) schema(s *schemer) object {
	return object{{"type", "array"}, {"items", c.elem.schema(s)}}
}

func (c mapCodec) schema(s *schemer) object {
	return object{{"type", "object"}, {"additionalProperties", c.elem.schema(s)}}
}

// schema returns the schema of a number of the rule's unit, and of the texts that
// may stand for it. Only a float can be unlimited.
func (r rule) schema(number string, isFloat bool) object {
	bounds := object{{"type", number}}
	switch {
	case r.signed || r.unit == plain:
	case r.unit.isRate():
		bounds = bounds.with("exclusiveMinimum", int64(0))
	case r.unit == fraction:
		bounds = bounds.with("minimum", int64(0)).with("maximum", int64(1))
	default:
		bounds = bounds.with("minimum", int64(0))
	}
	forms := []object{bounds}
	if pattern := r.pattern(); pattern != "" {
		forms = append(forms, object{{"type", "string"}, {"pattern", pattern}})
	}
	if r.unit.isRate() && isFloat {
		forms = append(forms, object{{"const", unlimited}})
	}
	if len(forms) == 1 {
		return bounds
	}
	return object{{"anyOf", forms}}
}

// pattern returns the form of the rule's quantities as texts, "" if there are
// none.
func (r rule) pattern() string {
	const (
		number = `([0-9]+\.?[0-9]*|\.[0-9]+)`
		times  = number + ` ?(ns|us|µs|μs|ms|s|m|h|d)`
		sizes  = `([kKMGT]B|[KMGT]iB|B)`
		rates  = `([kKMGT]B|[KMGT]iB|B|[kKMGT]bit|[KMG]ibit|bit)/s`
		share  = `(100(\.0*)?|0*[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+) ?%`
	)
	sign := ""
	if r.signed {
		sign = "-?"
	}
	switch r.unit.dimension() {
	case timeDimension:
		return "^" + sign + times + "( ?" + times + ")*$"
	case sizeDimension:
		return "^" + sign + number + " ?" + sizes + "$"
	case rateDimension:
		return "^" + sign + number + " ?" + rates + "$"
	case shareDimension:
		return "^" + sign + share + "$"
	}
	return ""
}

// object writes an object of a schema.
func (e *encoder) object(o object) {
	e.open('{')
	for i, m := range o {
		e.newline(i == 0)
		e.out = append(appendText(e.out, m.key), ": "...)
		e.member(m.value)
	}
	e.close('}', len(o) == 0)
}

func (e *encoder) member(value any) {
	switch value := value.(type) {
	case object:
		e.object(value)
	case []object:
		e.open('[')
		for i, each := range value {
			e.newline(i == 0)
			e.object(each)
		}
		e.close(']', len(value) == 0)
	case []string:
		e.texts(value)
	case string:
		e.out = appendText(e.out, value)
	default:
		e.out = fmt.Append(e.out, value)
	}
}

// texts writes a list of short texts on one line.
func (e *encoder) texts(list []string) {
	e.out = append(e.out, '[')
	for i, text := range list {
		if i > 0 {
			e.out = append(e.out, ", "...)
		}
		e.out = appendText(e.out, text)
	}
	e.out = append(e.out, ']')
}
