package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// course is one quantity over time, of every arm that was observed.
type course struct {
	// name heads its chart; unit is that of the axis.
	name, unit string
	// limit is what the quantity cannot exceed; 0 for none.
	limit float64
	arms  []armCourse
}

type armCourse struct {
	arm, source string
	bucket      time.Duration
	repeats     int
	*simulate.Course
	// most is the greatest value at one instant and mostAt when that was; nil where
	// only the means of buckets are known.
	most   *simulate.Statistic
	mostAt time.Duration
}

// courses are the quantities over time, links last; those that are 0 all the time
// are left out, and of the registry's egress and the uplink, which carry the same,
// one that never limits.
func (r *Report) courses() []course {
	var list []course
	add := func(name, unit string, limit float64, o *simulate.Observation, c *simulate.Course) *armCourse {
		i := slices.IndexFunc(list, func(x course) bool { return x.name == name })
		if i < 0 {
			i = len(list)
			list = append(list, course{name: name, unit: unit, limit: limit})
		}
		list[i].arms = append(list[i].arms, armCourse{arm: o.Arm, source: o.Source, bucket: o.Bucket, repeats: o.Repeats, Course: c})
		return &list[i].arms[len(list[i].arms)-1]
	}
	for i := range r.Observations {
		o := &r.Observations[i]
		inFlight := add("Starts in flight", "starts", 0, o, &o.InFlight)
		inFlight.most, inFlight.mostAt = o.MostInFlight, o.MostInFlightAt
		add("Requests to the registry", "requests a second", 0, o, &o.Requests)
		for j := range o.Links {
			l := &o.Links[j]
			limit := 0.0
			if l.Capacity != nil {
				limit = float64(*l.Capacity)
			}
			if needless(o, l) {
				continue
			}
			add(linkName(l.Link), "bytes a second", limit, o, &l.Carried)
		}
	}
	return slices.DeleteFunc(list, func(c course) bool { return c.highest() == 0 })
}

// needless: the link carries what the registry or the uplink carries, which limits
// it or, where neither limits, stands for both.
func needless(o *simulate.Observation, l *simulate.LinkUse) bool {
	if l.Capacity != nil || l.Link != simulate.LinkRegistry && l.Link != simulate.LinkUplink {
		return false
	}
	return l.Link == simulate.LinkUplink || slices.ContainsFunc(o.Links, func(x simulate.LinkUse) bool {
		return x.Link == simulate.LinkUplink && x.Capacity != nil
	})
}

// linkNote says which of the two links that carry the same is shown; empty where
// neither limits.
func (r *Report) linkNote() string {
	for i := range r.Observations {
		for _, l := range r.Observations[i].Links {
			if l.Capacity != nil && (l.Link == simulate.LinkRegistry || l.Link == simulate.LinkUplink) {
				return "every transfer crosses the registry's egress and the uplink: of the two, what can limit is shown"
			}
		}
	}
	return ""
}

func linkName(link string) string {
	switch link {
	case simulate.LinkRegistry:
		return "Registry's egress"
	case simulate.LinkUplink:
		return "Uplink"
	}
	return "Link " + link
}

// highest is the top of all bands.
func (c *course) highest() float64 {
	var top float64
	for _, a := range c.arms {
		for i, mean := range a.Mean {
			top = max(top, mean)
			if i < len(a.High) {
				top = max(top, a.High[i])
			}
		}
	}
	return top
}

// end is when the last bucket of all arms ends.
func (c *course) end() time.Duration {
	var end time.Duration
	for _, a := range c.arms {
		end = max(end, time.Duration(len(a.Mean))*a.bucket)
	}
	return end
}

// amount writes a value; what is counted stands in the quantity's name.
func (c *course) amount(v float64) string {
	switch c.unit {
	case "bytes a second":
		return rate(v)
	case "starts":
		return small(v)
	}
	return small(v) + "/s"
}

// small writes a count that may be far below 1.
func small(v float64) string {
	if v > 0 && v < 10 {
		return twoDigits(v)
	}
	return number(v)
}

// peakWords says when an arm's course is highest: 118.2 MB/s (95 % of it) ± 1.2
// MB/s, from 12.0 s to 16.1 s.
func (c *course) peakWords(a *armCourse) string {
	if a.most != nil {
		return a.mostWords()
	}
	value, bucket, ok := a.Peak()
	if !ok || value == 0 {
		return "none"
	}
	words := c.amount(value)
	if c.limit > 0 {
		words += " (" + percent(value/c.limit) + " of it)"
	}
	if bucket < len(a.High) && a.High[bucket] > a.Low[bucket] {
		words += " ± " + c.amount((a.High[bucket]-a.Low[bucket])/2)
	}
	return fmt.Sprintf("%s, from %s to %s", words, longTime(time.Duration(bucket)*a.bucket), longTime(time.Duration(bucket+1)*a.bucket))
}

// mostWords says the greatest value at one instant: 100, first at 2.00 s.
func (a *armCourse) mostWords() string {
	if a.most.Value == 0 {
		return "none"
	}
	words := number(a.most.Value)
	if half, ok := halfWidth(*a.most); ok {
		words += " ± " + small(half)
	}
	return words + ", first at " + longTime(a.mostAt)
}

// peakSentences say the peak of each quantity and when it is.
func (r *Report) peakSentences() []string {
	var list []string
	for _, c := range r.courses() {
		s := "Peak of " + lower(c.name) + ": "
		for i := range c.arms {
			if i > 0 {
				s += "; "
			}
			s += r.armLabel(c.arms[i].arm) + " " + c.peakWords(&c.arms[i])
		}
		list = append(list, sentence(s))
	}
	return list
}

// lower starts a name with a small letter.
func lower(s string) string {
	if s != "" && 'A' <= s[0] && s[0] <= 'Z' {
		return string(s[0]-'A'+'a') + s[1:]
	}
	return s
}

// maxTextCourses bounds the quantities of a text report.
const maxTextCourses = 12

// observations prints when each quantity is highest.
func (p *printer) observations(r *Report) {
	list := r.courses()
	if len(list) == 0 {
		return
	}
	p.heading("Over time: the peak of each quantity (" + r.Observations[0].Source + ")")
	t := &textTable{heads: []string{"quantity", "arm", "peak"}}
	for i := range list[:min(len(list), maxTextCourses)] {
		for j := range list[i].arms {
			t.add("", list[i].name, r.armLabel(list[i].arms[j].arm), list[i].peakWords(&list[i].arms[j]))
		}
	}
	p.table(t)
	note := "starts in flight: the most at one instant; others: the highest mean of a bucket of the width told; times are from the first instant of the timeline; bytes are compressed"
	if of := r.linkNote(); of != "" {
		note += "; " + of
	}
	if rest := len(list) - maxTextCourses; rest > 0 {
		note += fmt.Sprintf("; %s more: see --output html, csv or json", count(rest, "link"))
	}
	p.lines("", wrap(note, tableIndent))
}
