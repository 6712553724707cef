package document

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// A codec reads and writes the values of one Go type under one rule.
type codec interface {
	// decode sets v from n. It reports faults to d and may then leave v half set.
	decode(d *decoder, n *node, v reflect.Value)
	encode(e *encoder, v reflect.Value)
	// void reports whether v is a value that Read gives for an absent key but
	// would refuse, or take for absent, if it were written.
	void(v reflect.Value) bool
	schema(s *schemer) object
}

type (
	boolCodec   struct{}
	timeCodec   struct{}
	rawCodec    struct{}
	stringCodec struct{ allowed []string } // nil: any text
	// A numberCodec is of an integer or float of any size.
	numberCodec struct {
		rule rule
		kind reflect.Kind
		bits int
	}
	durationCodec struct{ rule rule }
	// A textCodec is of a type that writes itself as text; of one with a method
	// TextOrNumber a bare number may stand in its place.
	textCodec struct {
		typ      reflect.Type
		orNumber bool
	}
	pointerCodec struct {
		elem codec
		typ  reflect.Type // of the element
	}
	sliceCodec struct {
		elem codec
		typ  reflect.Type
	}
	mapCodec struct {
		elem codec
		typ  reflect.Type
	}
	structCodec struct {
		typ       reflect.Type
		above     rule // of the key, for fields with unit=parent or enum=parent
		usesUnit  bool // some field has unit=parent
		usesEnum  bool // some field has enum=parent
		fields    []field
		byKey     map[string]*field
		shorthand *field // nil if there is none
	}
)

// A field is a struct's field that stands in files.
type field struct {
	name     string
	quoted   string // the name as it is written, with the colon
	index    []int
	owner    reflect.Type // the struct that declares it: another one if embedded
	goName   string
	codec    codec
	required bool
	noticed  bool
	omit     bool // when zero
	zeroer   bool // has a method IsZero
}

func (f *field) of(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	return v.FieldByIndex(f.index)
}

// omits reports whether the writer leaves the field out.
func (f *field) omits(v reflect.Value) bool {
	if _, isText := f.codec.(textCodec); f.required && isText {
		return false
	}
	return f.omit && !f.required && f.isEmpty(v) || f.codec.void(v)
}

// isEmpty is the rule of omitempty and omitzero at once: what Read would give if
// the key were absent, and empty lists and maps, which it takes for absent.
func (f *field) isEmpty(v reflect.Value) bool {
	switch {
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Map:
		return v.Len() == 0
	case f.zeroer:
		return v.Interface().(zeroer).IsZero()
	}
	return v.IsZero()
}

type zeroer interface{ IsZero() bool }

// A noticer is told which of its noticed keys a file lacks.
type noticer interface{ Absent(key string) }

var (
	rawType             = reflect.TypeFor[Raw]()
	zeroerType          = reflect.TypeFor[zeroer]()
	timeType            = reflect.TypeFor[time.Time]()
	durationType        = reflect.TypeFor[time.Duration]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	noticerType         = reflect.TypeFor[noticer]()
	orNumberType        = reflect.TypeFor[interface{ TextOrNumber() }]()
)

// A layoutKey names a codec: the same struct has another one under each unit.
type layoutKey struct {
	typ  reflect.Type
	rule rule
}

// codecs caches what is known of types, for a file of 100,000 startups asks for
// the same struct as often. It only ever holds finished codecs.
var codecs sync.Map // of layoutKey to codec

// codecOf returns the codec of a type, or says why the type cannot stand in a
// file, which is a fault of the program.
func codecOf(t reflect.Type, r rule) (codec, error) {
	if known, ok := codecs.Load(layoutKey{t, r}); ok {
		return known.(codec), nil
	}
	b := &builder{made: map[layoutKey]codec{}}
	c := b.codec(t, r)
	if b.err != nil {
		return nil, fmt.Errorf("document: %w", b.err)
	}
	for key, each := range b.made {
		codecs.Store(key, each)
	}
	return c, nil
}

// rootCodec returns the codec of a whole document's type.
func rootCodec(t reflect.Type) (*structCodec, error) {
	c, err := codecOf(t, rule{})
	if err != nil {
		return nil, err
	}
	root, ok := c.(*structCodec)
	if !ok {
		return nil, fmt.Errorf("document: %s is not a struct with fields", t)
	}
	return root, nil
}

// A builder makes the codecs of a type and of all that it holds. Made keeps
// those of structs before their fields are done, so that types may recur.
type builder struct {
	made  map[layoutKey]codec
	where []string // the fields above the type
	depth int
	err   error
}

func (b *builder) fail(format string, args ...any) codec {
	if b.err == nil {
		b.err = fmt.Errorf("%s: %s", strings.Join(b.where, "."), fmt.Sprintf(format, args...))
	}
	return boolCodec{}
}

func (b *builder) codec(t reflect.Type, r rule) codec {
	key := layoutKey{t, r}
	if made, ok := b.made[key]; ok {
		return made
	}
	if b.depth++; b.depth > maxDepth {
		return b.fail("%s: nested deeper than %d", t, maxDepth)
	}
	defer func() { b.depth-- }()
	c := b.build(t, r)
	b.made[key] = c
	return c
}

func (b *builder) build(t reflect.Type, r rule) codec {
	if holdsNoText := t.Kind() <= reflect.Float64 || t == rawType || t == timeType; holdsNoText && r.enum != "" {
		return b.fail("%s: an enum is of strings", t)
	}
	switch {
	case t == rawType:
		return rawCodec{}
	case t == timeType:
		return timeCodec{}
	case isDuration(t, r):
		if r.unit != seconds {
			return b.fail("a %s needs a key that ends in Seconds", t)
		}
		return durationCodec{rule: r}
	case isText(t):
		return textCodec{typ: t, orNumber: t.Implements(orNumberType)}
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolCodec{}
	case reflect.String:
		return stringCodec{allowed: r.allowed()}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return numberCodec{rule: r, kind: t.Kind(), bits: t.Bits()}
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Pointer {
			return b.fail("%s: a pointer to a pointer", t)
		}
		return pointerCodec{elem: b.codec(t.Elem(), r), typ: t.Elem()}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return b.fail("%s: bytes have no form in a file", t)
		}
		return sliceCodec{elem: b.codec(t.Elem(), r), typ: t}
	case reflect.Map:
		return b.mapOf(t, r)
	case reflect.Struct:
		return b.structOf(t, r)
	}
	return b.fail("%s: this type has no form in a file", t)
}

// isDuration reports whether values of t are durations: of time.Duration, or of
// a named type of it, which shows only in being a named int64 under a time.
func isDuration(t reflect.Type, r rule) bool {
	named := t.Kind() == reflect.Int64 && t.PkgPath() != ""
	return t == durationType || named && r.unit == seconds
}

// isText reports whether values of t write and read themselves as text.
func isText(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	return pointer.Implements(textMarshalerType) && pointer.Implements(textUnmarshalerType)
}

func (b *builder) mapOf(t reflect.Type, r rule) codec {
	if t.Key().Kind() != reflect.String {
		return b.fail("%s: the keys of a map are strings", t)
	}
	return mapCodec{elem: b.codec(t.Elem(), r), typ: t}
}

func (b *builder) structOf(t reflect.Type, r rule) codec {
	c := &structCodec{typ: t, above: r, byKey: map[string]*field{}}
	b.made[layoutKey{t, r}] = c
	b.where = append(b.where, t.String())
	b.fields(c, t, nil)
	for i := range c.fields {
		f := &c.fields[i]
		if c.byKey[f.name] != nil {
			b.fail("two fields have the key %s", f.name)
		}
		c.byKey[f.name] = f
	}
	b.shorthand(c)
	if r.enum != "" && !c.usesEnum {
		b.fail("an enum of a struct without enum=parent")
	}
	b.where = b.where[:len(b.where)-1]
	return c
}

// fields appends the fields of t, which stands at index in the struct of c.
func (b *builder) fields(c *structCodec, t reflect.Type, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		at := append(slices.Clone(index), i)
		switch {
		case tag == "-":
		case isFlat(sf):
			b.fields(c, sf.Type, at)
		case !sf.IsExported():
		default:
			b.where = append(b.where, sf.Name)
			c.fields = append(c.fields, b.field(c, t, sf, at))
			b.where = b.where[:len(b.where)-1]
		}
	}
}

// isFlat reports whether an embedded struct's fields stand among those of the
// struct around it.
func isFlat(sf reflect.StructField) bool {
	name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
	isStruct := sf.Type.Kind() == reflect.Struct && sf.Type != rawType && !isText(sf.Type)
	return sf.Anonymous && name == "" && isStruct
}

func (b *builder) field(c *structCodec, owner reflect.Type, sf reflect.StructField, index []int) field {
	name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
	if name == "" {
		b.fail("no json key")
	}
	f := field{
		name: name, quoted: string(appendText(nil, name)) + ": ",
		index: index, owner: owner, goName: sf.Name,
		zeroer: sf.Type.Kind() != reflect.Pointer && sf.Type.Implements(zeroerType),
	}
	for option := range strings.SplitSeq(options, ",") {
		f.omit = f.omit || option == "omitempty" || option == "omitzero"
	}
	r := rule{unit: unitOf(name)}
	for option := range strings.SplitSeq(sf.Tag.Get("document"), ",") {
		b.option(c, &f, &r, option)
	}
	f.codec = b.codec(sf.Type, r)
	return f
}

func (b *builder) option(c *structCodec, f *field, r *rule, option string) {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "":
	case "required":
		f.required = true
	case "noticed":
		if f.noticed = true; !reflect.PointerTo(c.typ).Implements(noticerType) {
			b.fail("a noticed field's struct has no method Absent(key string)")
		}
	case "signed":
		r.signed = true
	case "enum":
		r.enum = value
		if value == parent {
			r.enum, c.usesEnum = c.above.enum, true
		}
	case "unit":
		b.unit(c, r, value)
	case "shorthand":
		// Found again in shorthand, when the list of fields no longer moves.
	default:
		b.fail("no document option has the name %q", name)
	}
}

// parent is the value of an option that is taken from the key above.
const parent = "parent"

func (b *builder) unit(c *structCodec, r *rule, name string) {
	if name == parent {
		r.unit, c.usesUnit = c.above.unit, true
		return
	}
	known, ok := unitNames[name]
	if !ok {
		b.fail("no unit has the name %q", name)
	}
	r.unit = known
}

// shorthand finds the field that may stand for the whole struct.
func (b *builder) shorthand(c *structCodec) {
	for i := range c.fields {
		f := &c.fields[i]
		sf, _ := f.owner.FieldByName(f.goName)
		if !slices.Contains(strings.Split(sf.Tag.Get("document"), ","), "shorthand") {
			continue
		}
		if c.shorthand != nil {
			b.fail("two fields are the shorthand")
		}
		if kind := sf.Type.Kind(); kind == reflect.Map || kind == reflect.Struct && sf.Type != timeType {
			b.fail("%s: a shorthand that is itself a mapping", f.goName)
		}
		c.shorthand = f
	}
}
