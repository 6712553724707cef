package calibrate

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// fittedTo begins what the source of a fitted value says of the runs (origin).
const fittedTo = "fitted to "

var day = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// ownRuns says which of the runs that the checked profile was fitted to may be among
// these, by what the sources of its values tell: runs of the same host, the last of them
// made on the day of the first of these or later. It is empty where there are none.
func (d *Data) ownRuns() string {
	for _, source := range d.opt.Base.Sources() {
		_, words, fitted := strings.Cut(source, fittedTo)
		if !fitted {
			continue
		}
		for _, host := range d.hosts {
			before, after, same := strings.Cut(words, host)
			if !same {
				continue
			}
			days := day.FindAllStringIndex(after, -1) // the last one: a kernel may bear one too
			if days == nil {
				return before + host
			}
			on := days[len(days)-1]
			if d.first.IsZero() || after[on[0]:on[1]] >= d.first.UTC().Format(time.DateOnly) {
				return before + host + after[:on[1]]
			}
		}
	}
	return ""
}

// doubtOwnRuns adds a doubt where a check may be of what the profile was fitted to.
func (d *Data) doubtOwnRuns(c *Calibration) {
	if of := d.ownRuns(); of != "" {
		c.Doubts = append(c.Doubts, fmt.Sprintf("The profile was fitted to %s, and these may be among them: then the error is that of the fit, below that of other runs; check with runs that were made after the fit.", of))
	}
}
