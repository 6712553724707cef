package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// node is an element, or text where name is empty.
type node struct {
	name       string
	attributes map[string]string
	text       string
	children   []*node
}

func (n *node) classes() []string { return strings.Fields(n.attributes["class"]) }

func (n *node) has(class string) bool { return slices.Contains(n.classes(), class) }

// parse reads an SVG into nodes, and the text of its style sheets.
func parse(svg []byte) (root *node, sheet string, err error) {
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	open := []*node{{}}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, attributes: make(map[string]string)}
			for _, a := range t.Attr {
				n.attributes[a.Name.Local] = a.Value
			}
			top.children = append(top.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if top.name == "style" {
				sheet += string(t)
			}
			top.children = append(top.children, &node{text: string(t)})
		}
	}
	for _, n := range open[0].children {
		if n.name == "svg" {
			return n, sheet, nil
		}
	}
	return nil, "", fmt.Errorf("it has no element svg")
}
