package export

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
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
	enc := yaml.NewEncoder(&s.out)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil && s.err == nil {
		s.err = fmt.Errorf("write YAML: %w", err)
	}
}

func (s *stream) bytes() ([]byte, error) { return s.out.Bytes(), s.err }

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
