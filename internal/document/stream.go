package document

import (
	"reflect"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// streamedBytes is from which size on a document is tried item by item: then the nodes of a
// list of 100,000 startups would take more memory than the file and the value together.
const streamedBytes = 1 << 20

// stream reads a JSON document into target as Read does, with the nodes of one item of a list
// at a time, and says whether it could. It says nothing of faults: where there may be any,
// target is as it was, and Read goes through the document as a whole.
func stream(data []byte, kind string, c *structCodec, target reflect.Value) bool {
	if c.shorthand != nil || !utf8.Valid(data) {
		return false
	}
	// A view: all texts that the value keeps are copies, and data does not change meanwhile.
	text := unsafe.String(unsafe.SliceData(data), len(data))
	s := &streamer{
		parser:  jsonParser{text: strings.TrimPrefix(text, "\ufeff"), line: 1, copies: make(map[string]string)},
		decoder: decoder{whole: true},
	}
	result := reflect.New(target.Type().Elem())
	result.Elem().Set(target.Elem())
	if !s.document(kind, c, result.Elem()) || s.decoder.count > 0 {
		return false
	}
	if v, ok := result.Interface().(interface{ Validate() error }); ok && v.Validate() != nil {
		return false
	}
	target.Elem().Set(result.Elem())
	return true
}

type streamer struct {
	parser  jsonParser
	decoder decoder
}

// document reads the outermost mapping: lists of fields item by item, the rest as a whole.
func (s *streamer) document(kind string, c *structCodec, v reflect.Value) bool {
	s.parser.space()
	root := node{kind: mappingNode, line: s.parser.line}
	streamed := make(map[string]bool)
	if !s.parser.accept('{') {
		return false
	}
	for s.parser.space(); !s.parser.accept('}'); s.parser.space() {
		if len(root.items) > 0 {
			if !s.parser.accept(',') {
				return false
			}
			s.parser.space()
		}
		entry, err := s.parser.key()
		if err != nil {
			return false
		}
		list, of := sliceCodec{}, c.byKey[entry.key]
		if of != nil {
			list, _ = of.codec.(sliceCodec)
		}
		if list.elem != nil && strings.HasPrefix(s.parser.text[s.parser.pos:], "[") {
			if !s.list(list, of.of(v)) {
				return false
			}
			entry.kind, streamed[entry.key] = listNode, true
		} else if entry, err = s.parser.valueOf(entry); err != nil {
			return false
		}
		root.items = append(root.items, entry)
	}
	if s.parser.space(); s.parser.pos < len(s.parser.text) {
		return false
	}
	s.decoder.duplicates(&root)
	s.decoder.header(&root, kind)
	body := withoutHeader(&root)
	for i := range body.items {
		if item := &body.items[i]; !streamed[item.key] {
			c.entry(&s.decoder, item, v)
		}
	}
	c.absences(&s.decoder, body, v)
	return true
}

// list reads a list into v.
func (s *streamer) list(c sliceCodec, v reflect.Value) bool {
	s.parser.pos++
	s.parser.depth++
	s.parser.slab = make([]node, 0, 64)
	v.SetZero()
	list := reflect.MakeSlice(c.typ, 0, 0)
	for s.parser.space(); !s.parser.accept(']'); s.parser.space() {
		if list.Len() > 0 {
			if !s.parser.accept(',') {
				return false
			}
			s.parser.space()
		}
		start := s.parser.pos
		s.parser.slab = s.parser.slab[:0]
		item, err := s.parser.value()
		if err != nil || item.kind == nullNode {
			return false
		}
		if list.Len() == list.Cap() {
			// As many more as there is text for, were they all as long as this one.
			list = grown(list, min(len(s.parser.text[start:])/max(1, s.parser.pos-start)+1, list.Cap()/4+1<<17))
		}
		list = list.Slice(0, list.Len()+1)
		s.decoder.duplicates(&item)
		if c.elem.decode(&s.decoder, &item, list.Index(list.Len()-1)); s.decoder.count > 0 {
			return false
		}
	}
	s.parser.depth--
	s.parser.slab = nil
	if list.Len() > 0 {
		v.Set(list)
	}
	return true
}

// grown is a list with room for n more.
func grown(list reflect.Value, n int) reflect.Value {
	longer := reflect.MakeSlice(list.Type(), list.Len(), list.Len()+n)
	reflect.Copy(longer, list)
	return longer
}
