package matcher

import "time"

// HitRate is what the starts of one day found, and what became of the caches.
type HitRate struct {
	// From is when the day begins, since the start of the month.
	From time.Duration `json:"fromSeconds"`
	// Starts is how many there were: Hits found every unpacked layer, Partials
	// some, Misses none (by chain; see Overlap). A start that uses a stale image as
	// it is found it; what a stale image shares with the one wanted is not known
	// and not counted.
	Starts   int `json:"starts"`
	Hits     int `json:"hits"`
	Partials int `json:"partials"`
	Misses   int `json:"misses"`
	// Ready caches could be used at the end of the day; Automatic ones were there,
	// those being built too.
	Ready     int `json:"ready"`
	Automatic int `json:"automatic"`
	// Created, Expired and Evicted count caches during the day.
	Created int `json:"created"`
	Expired int `json:"expired"`
	Evicted int `json:"evicted"`
}

// Add counts the starts of another day to h, and what became of the caches; the
// caches at its end are then those of the other day's.
func (h *HitRate) Add(day *HitRate) {
	h.Starts += day.Starts
	h.Hits += day.Hits
	h.Partials += day.Partials
	h.Misses += day.Misses
	h.Ready, h.Automatic = day.Ready, day.Automatic
	h.Created += day.Created
	h.Expired += day.Expired
	h.Evicted += day.Evicted
}

// count counts one start.
func (h *HitRate) count(hit Hit) {
	h.Starts++
	switch hit {
	case FullHit:
		h.Hits++
	case PartialHit:
		h.Partials++
	default:
		h.Misses++
	}
}

// days counts starts by day.
type days struct {
	store *Store
	// tell is given each day when it is over; nil counts nothing.
	tell  func(HitRate)
	day   HitRate
	tally Tally
	// end is when the day is over; the first begins at from.
	begun     bool
	end, from time.Duration
}

// reach ends the days that are over by now.
func (d *days) reach(now time.Duration) {
	if d.tell == nil || now < d.from {
		return
	}
	if !d.begun {
		d.begin(d.from)
	}
	for now >= d.end {
		d.store.Advance(d.end - 1)
		d.over()
		d.begin(d.end)
	}
}

func (d *days) begin(from time.Duration) {
	d.store.Advance(from - 1)
	d.begun = true
	d.day, d.end, d.tally = HitRate{From: from}, from+day, d.store.Tally()
}

func (d *days) over() {
	t := d.store.Tally()
	d.day.Ready, d.day.Automatic = d.store.Ready(), d.store.Automatic()
	d.day.Created, d.day.Expired, d.day.Evicted = t.Created-d.tally.Created, t.Expired-d.tally.Expired, t.Evicted-d.tally.Evicted
	d.tell(d.day)
}

// finish ends the days up to the one before to, and the one that has begun.
func (d *days) finish(to time.Duration) {
	if d.tell == nil {
		return
	}
	d.reach(to - 1)
	if d.begun {
		d.store.Advance(d.end - 1)
		d.over()
	}
}
