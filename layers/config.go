package layers

import (
	"fmt"
	"time"
)

// A config is the part of an image's config document that is used here (OCI
// image specification, config.md). It holds parts of the text that it was read
// from.
type config struct {
	platform
	created jsonText
	diffIDs []jsonText
	history []historyStep
	hashes  []hash
}

// historyStep is an entry of a config's history.
type historyStep struct {
	createdBy jsonText
	empty     bool
}

// parse reads an image's config and checks it against the number of layers in
// its manifest. The space of c's lists is used again.
func (c *config) parse(raw []byte, layers int) error {
	*c = config{diffIDs: c.diffIDs[:0], history: c.history[:0], hashes: c.hashes[:0]}
	s := &scanner{data: raw}
	s.object(func(key []byte) {
		switch string(key) {
		case "created":
			c.created = s.text()
		case "rootfs":
			c.diffIDs = c.diffIDs[:0]
			s.object(func(key []byte) {
				if string(key) != "diff_ids" {
					s.skip()
					return
				}
				c.diffIDs = c.diffIDs[:0]
				s.array(func() { c.diffIDs = append(c.diffIDs, s.text()) })
			})
		case "history":
			c.history = c.history[:0]
			s.array(func() { c.history = append(c.history, readStep(s)) })
		default:
			if !c.platform.field(key, s) {
				s.skip()
			}
		}
	})
	if err := s.end(); err != nil {
		return fmt.Errorf("the config is not JSON as configs are: %w: %s", err, pushAgain)
	}
	if len(c.diffIDs) != layers {
		return fmt.Errorf("the config lists %d diffIDs, the manifest %d layers: %s", len(c.diffIDs), layers, pushAgain)
	}
	for _, t := range c.diffIDs {
		h, ok := t.hash()
		if !ok {
			return fmt.Errorf("diffID %.80q of the config is not sha256: and 64 hex digits: %s", t.String(), pushAgain)
		}
		c.hashes = append(c.hashes, h)
	}
	return nil
}

func readStep(s *scanner) (h historyStep) {
	s.object(func(key []byte) {
		switch string(key) {
		case "created_by":
			h.createdBy = s.text()
		case "empty_layer":
			h.empty = s.boolean()
		default:
			s.skip()
		}
	})
	return h
}

// createdAt is when the config says that the image was made; zero when it does
// not say, or not in a way that can be read.
func (c *config) createdAt() time.Time {
	if len(c.created.raw) == 0 {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, c.created.String())
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// createdBy appends the build step of each layer to steps; entries are empty
// when the history does not tell (it is optional, and then often shorter).
func (c *config) createdBy(steps []jsonText) []jsonText {
	first := len(steps)
	for _, h := range c.history {
		if !h.empty {
			steps = append(steps, h.createdBy)
		}
	}
	if len(steps)-first > len(c.diffIDs) {
		// More steps than layers: none can be told apart.
		steps = steps[:first]
	}
	for len(steps)-first < len(c.diffIDs) {
		steps = append(steps, jsonText{})
	}
	return steps
}
