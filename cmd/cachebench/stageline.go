package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// stageLine is one line on a terminal that tells what is being done; once that has taken
// a second, also for how long, and where it tells its share of a whole, how fast it goes
// and how long it will go on. It goes on telling while nothing new is told.
type stageLine struct {
	to  io.Writer
	now func() time.Time

	mu    sync.Mutex
	text  string
	begun time.Time
	// tick writes the line again; nil while there is none.
	tick *time.Timer
}

// stageShare is what a stage tells of its share: "simulating arm cold: 40 % of 5000 starts".
var stageShare = regexp.MustCompile(`^(.*): (\d+) % of (\d+) ([a-z]+)$`)

func (l *stageLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stageName(text) != stageName(l.text) || l.tick == nil {
		l.begun = l.now()
	}
	l.text = text
	if l.tick == nil {
		l.tick = time.AfterFunc(heartbeat, l.beat)
	}
	l.write()
}

// stageName is what stays the same while a stage goes on.
func stageName(text string) string {
	if m := stageShare.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return text
}

// beat writes the line again.
func (l *stageLine) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tick == nil {
		return
	}
	l.write()
	l.tick.Reset(heartbeat)
}

// pause keeps the line from being written until the next stage.
func (l *stageLine) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tick != nil {
		l.tick.Stop()
		l.tick = nil
	}
}

func (l *stageLine) write() {
	fmt.Fprint(l.to, clearLine+stageWords(l.text, l.now().Sub(l.begun)))
}

// stageWords are what a stage tells after it has gone on for so long.
func stageWords(text string, elapsed time.Duration) string {
	if elapsed < time.Second {
		return text + "…"
	}
	m := stageShare.FindStringSubmatch(text)
	if m == nil {
		return fmt.Sprintf("%s… %s", text, elapsed.Round(time.Second))
	}
	percent, _ := strconv.ParseFloat(m[2], 64)
	whole, _ := strconv.ParseFloat(m[3], 64)
	rate := percent / 100 * whole / elapsed.Seconds()
	if rate <= 0 {
		return fmt.Sprintf("%s… %s", text, elapsed.Round(time.Second))
	}
	left := time.Duration((100 - percent) / percent * float64(elapsed))
	digits := 0
	if rate < 10 {
		digits = 1
	}
	return fmt.Sprintf("%s, %.*f/s, %s left", text, digits, rate, left.Round(time.Second))
}
