package ecigroup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/scratch"
)

// errNoJournal is of a file that has the name of a journal and is something else.
var errNoJournal = errors.New("it is not a journal of cachebench, and is left alone: name another directory with --journal")

// openJournal opens, or begins, the journal of a run, to be written.
func openJournal(dir, run string, now time.Time) (*journal, error) {
	if err := makeJournalDir(dir); err != nil {
		return nil, err
	}
	j, err := holdJournal(dir, run, now)
	if err != nil {
		return nil, err
	}
	if err := j.keep(); err != nil {
		j.release()
		return nil, err
	}
	return j, nil
}

func makeJournalDir(dir string) error {
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("make the directory of journals: %w", err)
	}
	return nil
}

// holdJournal reads the journal of a run, which need not be there, and locks it where there
// are locks. Nothing of it is changed: what is written is held back until keep.
func holdJournal(dir, run string, now time.Time) (*journal, error) {
	j := &journal{name: filepath.Join(dir, run+journalSuffix), open: map[string]resource{}, past: map[string]string{}}
	release, free := scratch.LockFile(lockName(dir, run))
	if !free {
		return nil, fmt.Errorf("journal %s: %w", j.name, errAlive)
	}
	// Where there are no locks all are free, also what is locked.
	_, again := scratch.LockFile(lockName(dir, run))
	j.release, j.locked = release, !again
	err := j.read(now)
	if err == nil {
		var ours bool
		if ours, err = isJournal(j.name, run); err == nil && !ours && !emptyFile(j.name) {
			err = errNoJournal
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("open the journal %s: %w", j.name, err)
	}
	return j, nil
}

// read replays what is there. A line that cannot be read is passed over: what it said is
// found by the tag. What another clock says to be later than now is of now.
func (j *journal) read(now time.Time) error {
	j.empty = true
	err := eachLine(j.name, math.MaxInt64, func(line []byte) bool {
		j.whole += int64(len(line))
		j.empty = false
		var e entry
		if len(bytes.TrimSpace(line)) == 0 {
			return true
		}
		if err := json.Unmarshal(line, &e); err != nil {
			j.damaged++
			return true
		}
		if e.At.After(now) {
			e.At = now
		}
		j.take(&e)
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// emptyFile is of one that is there and has nothing in it.
func emptyFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Size() == 0
}

// eachLine gives the whole lines of a file, as long as they are wanted, of so many bytes at
// most. What a kill cut short was not yet acted on.
func eachLine(name string, most int64, do func(line []byte) (more bool)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for r := bufio.NewReader(io.LimitReader(f, most)); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !do(line) {
			return nil
		}
	}
}

// keep opens the file to be written, and writes what was held back.
func (j *journal) keep() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		return nil
	}
	f, err := os.OpenFile(j.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if err = f.Truncate(j.whole); err == nil {
		_, err = f.Seek(j.whole, io.SeekStart)
	}
	if err == nil {
		err = syncDir(j.dir())
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("open the journal: %w", err)
	}
	j.file = f
	if len(j.held) == 0 {
		return nil
	}
	held := j.held
	j.held = nil
	return j.put(held, true)
}

// close ends the journal; one of a run that left nothing, and one that says nothing, are
// removed. One that was only held is as it was.
func (j *journal) close(nothingLeft bool) error {
	defer j.release()
	if j.file == nil {
		return nil
	}
	info, err := j.file.Stat()
	empty := err == nil && info.Size() == 0
	err = j.file.Close()
	if nothingLeft || empty {
		err = errors.Join(err, os.Remove(j.name))
	}
	return err
}

// LeftRuns are the runs with a journal in a directory that are not under way: they were
// killed, or could not delete all.
func LeftRuns(dir string) ([]string, error) {
	runs, err := journaledRuns(dir)
	return slices.DeleteFunc(runs, func(run string) bool {
		release, free := scratch.LockFile(lockName(dir, run))
		release()
		return !free
	}), err
}

func lockName(dir, run string) string { return filepath.Join(dir, "."+run+".lock") }

// journaledRuns are the runs that have journals in a directory, in order. Other files there
// are somebody's.
func journaledRuns(dir string) ([]string, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for journals: %w", err)
	}
	var runs []string
	for _, e := range names {
		run, ok := strings.CutSuffix(e.Name(), journalSuffix)
		if !ok || !e.Type().IsRegular() || !validRun(run) {
			continue
		}
		ours, err := isJournal(filepath.Join(dir, e.Name()), run)
		if ours || err != nil && runForm.MatchString(run) { // who opens it is told what is wrong
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// runForm is what the runs are called that Run makes.
var runForm = regexp.MustCompile(`^[0-9]{8}t[0-9]{6}z-[0-9a-z]{8}$`)

// isJournal says whether a file is the journal of a run: an entry of ours is in it, or it
// has the name of one, and nothing that can be read says that it is something else.
func isJournal(name, run string) (ours bool, err error) {
	foreign := false
	const most = 1 << 20 // that of others may be large
	err = eachLine(name, most, func(line []byte) bool {
		var e entry
		ours = json.Unmarshal(line, &e) == nil && e.ours()
		foreign = foreign || json.Valid(line) && !ours
		return !ours
	})
	return ours || err == nil && !foreign && runForm.MatchString(run), err
}

// ours says whether an entry is of a journal, and not of another file with lines in JSON.
func (e *entry) ours() bool {
	switch e.What {
	case wroteBegin:
		return e.Region != "" && e.Endpoint != ""
	case wroteAsk, wroteMade, wroteNone, wroteGone:
		return (e.Kind == Group || e.Kind == Cache) && e.Token != ""
	}
	return false
}
