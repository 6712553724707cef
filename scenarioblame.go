package cachebench

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// Given says that a flag of the command line gave the value of a key, so that what is wrong
// with it is not looked for in the file. The key of a map's entry is as registries.HOST.
func (f *ScenarioFile) Given(key, flag string) {
	if f.flags == nil {
		f.flags = make(map[string]string)
	}
	f.flags[key] = flag
}

// blame names the flag in place of the key whose value it gave.
func (f *ScenarioFile) blame(err error) error {
	var at interface{ Path() string }
	if !errors.As(err, &at) {
		return err
	}
	key, _, _ := strings.Cut(at.Path(), "[") // a flag gives a list whole
	if flag, ok := f.flags[key]; ok {
		return fmt.Errorf("--%s: %s", flag, strings.TrimPrefix(err.Error(), at.Path()+": "))
	}
	return err
}

// at says at which key of the scenario file, or of which flag, an error arose. A fault of
// a file that it names has its own place already.
func (l *loader) at(key string, err error) error {
	var fault *document.Error
	if flag, ok := l.flags[key]; ok {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	if l.whole.IsZero() || errors.As(err, &fault) {
		return err
	}
	return l.whole.At(key, "%v", err)
}

// blamed says at which key of the scenario's file, or of which flag, an error arose that
// only shows once images are known; unchanged where the scenario is of no file.
func (s *Scenario) blamed(key string, err error) error {
	if s.from == nil {
		return err
	}
	if list, _, in := strings.Cut(key, "["); in && s.from.flags[list] != "" {
		key = list // a flag gives a list whole
	}
	return s.from.at(key, err)
}
