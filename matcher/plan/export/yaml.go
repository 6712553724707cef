package export

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/cachebench/cachebench/internal/document"
)

// A stream is YAML documents, each after its comment.
type stream struct {
	out       bytes.Buffer
	documents int
	err       error
}

// comment writes lines that tell, before a document or its parts. A line without text
// is one.
func (s *stream) comment(lines ...string) {
	for _, line := range lines {
		s.out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// commentWidth is of lines that are not written as they stand.
const commentWidth = 90

// wrapped are the lines of a longer text.
func wrapped(text string) []string {
	var list []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > commentWidth {
			list = append(list, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(list, line)
}

// document writes a value, after lines that tell of it. Those of the whole stream stand
// apart.
func (s *stream) document(v any, lines ...string) {
	switch s.documents++; {
	case s.documents > 1:
		s.out.WriteString("---\n")
	case s.out.Len() > 0:
		s.out.WriteString("\n")
	}
	s.comment(lines...)
	n, ready := v.(*yaml.Node) // which has comments
	var err error
	if !ready {
		n = new(yaml.Node)
		err = n.Encode(v)
	}
	if err == nil {
		plain(n)
		enc := yaml.NewEncoder(&s.out)
		enc.SetIndent(2)
		err = enc.Encode(n)
	}
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("write YAML: %w", err)
	}
}

func (s *stream) bytes() ([]byte, error) { return s.out.Bytes(), s.err }

// yamlOf is a document of the project's own, as the project writes it, but in YAML.
func yamlOf(kind string, v any) (*yaml.Node, error) {
	data, err := document.Marshal(kind, v)
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(escaped(data), &n); err != nil {
		return nil, fmt.Errorf("write a %s: %w", kind, err)
	}
	return n.Content[0], nil
}

// escaped is JSON that is YAML too: characters that YAML has only as escapes are such.
func escaped(data []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(data) {
		switch {
		case r < 0x7f || unicode.IsPrint(r):
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, "\\u%04x", r)
		default:
			fmt.Fprintf(&out, "\\U%08x", r)
		}
	}
	return out.Bytes()
}

// plain takes away JSON's brackets, and the quotes of texts that mean the same without.
func plain(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && !isPlain(n.Value) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		plain(c)
	}
}

// numberLike are texts that some reader of YAML takes for a number, were it one that it
// cannot hold, as 1e400.
var numberLike = regexp.MustCompile(`^[-+.]*[0-9][-+.:0-9_a-fA-FoxX]*$`)

// isPlain says that a text needs no quotes in YAML, of whatever version.
func isPlain(text string) bool {
	if said(text) != text || numberLike.MatchString(text) {
		return false
	}
	out, err := yaml.Marshal(text)
	return err == nil && string(out) == text+"\n"
}

// safe is a text that is written in quotes where it needs them. The encoder writes one
// with a line's end as a block, which it does not read back where that comes first.
func safe(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	plain(n)
	return n
}

// An object is what is common to all that Kubernetes knows.
type object struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       any      `yaml:"spec,omitempty"`
}

type metadata struct {
	Name        string            `yaml:"name,omitempty"`
	Namespace   string            `yaml:"namespace,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]any    `yaml:"annotations,omitempty"`
}
