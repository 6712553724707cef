package document

type schemer struct{}
type object []struct{}

func (boolCodec) schema(s *schemer) object     { return nil }
func (timeCodec) schema(s *schemer) object     { return nil }
func (rawCodec) schema(s *schemer) object      { return nil }
func (stringCodec) schema(s *schemer) object   { return nil }
func (numberCodec) schema(s *schemer) object   { return nil }
func (durationCodec) schema(s *schemer) object { return nil }
func (textCodec) schema(s *schemer) object     { return nil }
func (pointerCodec) schema(s *schemer) object  { return nil }
func (sliceCodec) schema(s *schemer) object    { return nil }
func (mapCodec) schema(s *schemer) object      { return nil }
func (*structCodec) schema(s *schemer) object  { return nil }
