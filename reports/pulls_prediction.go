package reports

import (
	"fmt"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// PullPrediction is how far predictions are from a cluster's own pulls. Errors are medians
// of absolute errors, as fractions that may be above 1; absent where there is none.
type PullPrediction struct {
	// Sentence says it for people.
	Sentence string `json:"sentence" document:"required"`
	// Pulls of Images are those that could be compared. TooFew: they are not enough to go
	// by.
	Pulls  int  `json:"pulls"`
	Images int  `json:"images"`
	TooFew bool `json:"tooFew,omitempty"`
	// BuiltInError is of the built-in profile, HeldOutError of one that
	// was fitted to the pulls of other images. Noise is how far pulls of one image
	// are apart.
	BuiltInError *float64 `json:"builtInError,omitempty"`
	HeldOutError *float64 `json:"heldOutError,omitempty"`
	Noise        *float64 `json:"noise,omitempty"`
}

// Fewer pulls, or images, do not tell an error.
const (
	enoughPulls  = 10
	enoughImages = 5
)

// NewPullPrediction is what a calibration with some of so many pulls tells, whose median
// rate may be known; nil where nothing could be compared.
func NewPullPrediction(c *calibrate.Calibration, pulls int, medianBytesPerSecond *float64) *PullPrediction {
	if len(c.Totals) == 0 || predicted(&c.Totals[0]) == nil {
		return nil
	}
	s := &c.Totals[0]
	of := func(by string) *float64 {
		if x := s.Of(by); x != nil {
			return &x.Median
		}
		return nil
	}
	p := &PullPrediction{
		Pulls: c.Runs, Images: c.Arms, TooFew: c.Runs < enoughPulls || c.Arms < enoughImages,
		BuiltInError: of(calibrate.ByBase), HeldOutError: of(calibrate.ByHeldOut), Noise: of(calibrate.Noise),
	}
	p.Sentence = "Your " + count(pulls, "pull") + ": "
	if medianBytesPerSecond != nil {
		p.Sentence += "median " + rate(*medianBytesPerSecond) + "; "
	}
	p.Sentence += pullErrors(c, s)
	if c.Runs < pulls { // of the others it is not known what they fetched, or in what time
		p.Sentence += fmt.Sprintf(", of %d that can be compared", c.Runs)
	}
	if p.Noise != nil {
		p.Sentence += fmt.Sprintf("; pulls of one image are %s apart", percent(*p.Noise))
	}
	if p.TooFew {
		p.Sentence += fmt.Sprintf("; too few to go by: less than %d pulls or %d images", enoughPulls, enoughImages)
	}
	return p
}
