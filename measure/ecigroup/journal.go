package ecigroup

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/internal/scratch"
)

// journalSuffix ends the names of journals; what stands before it is the run.
const journalSuffix = ".jsonl"

// What an entry of a journal says.
const (
	wroteBegin = "begin" // the run began, or goes on
	wroteAsk   = "ask"   // a resource is about to be made
	wroteMade  = "made"  // it was made, and has an ID
	wroteNone  = "none"  // it was certainly not made
	wroteGone  = "gone"  // it was deleted
)

// entry is a line of a journal. It holds nothing that is secret.
type entry struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	// Region and Endpoint are of a begin.
	Region   string `json:"region,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	resource
}

// The kinds of a Resource.
const (
	Group = "container group"
	Cache = "image cache"
)

// resource is what a journal knows of something that was made, or is to be.
type resource struct {
	Kind  string `json:"kind,omitempty"`
	Token string `json:"token,omitempty"`
	Name  string `json:"name,omitempty"`
	ID    string `json:"id,omitempty"`
	// Making is the arm that a cache was made for; Automatic says of a group that it may
	// have caused an automatic cache.
	Making    string `json:"making,omitempty"`
	Automatic bool   `json:"automatic,omitempty"`
}

// journal is a file of lines, one run's. What is to be made is on the disk before the
// service is asked to make it.
type journal struct {
	name    string
	release func()

	mu   sync.Mutex
	file *os.File
	// open are the resources that may exist, by token.
	open map[string]resource
	// automatic are IDs of groups that may have caused an automatic cache.
	automatic []string
	// suspect: lines of it may be lost, so that the tag is asked, too.
	suspect bool
	// region and endpoint are those of the last begin.
	region, endpoint string
	// hook stands in tests for a machine that dies between two writes.
	hook func() error
}

// errAlive is of a journal whose run is under way.
var errAlive = errors.New("the run is under way")

// openJournal opens, or begins, the journal of a run, and locks it.
func openJournal(dir, run string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of journals: %w", err)
	}
	j := &journal{name: filepath.Join(dir, run+journalSuffix), open: map[string]resource{}}
	release, free := scratch.LockFile(lockName(dir, run))
	if !free {
		return nil, fmt.Errorf("journal %s: %w", j.name, errAlive)
	}
	j.release = release
	if err := j.read(); err != nil {
		release()
		return nil, err
	}
	return j, nil
}

// read replays what is there, and leaves the file open for more.
func (j *journal) read() error {
	f, err := os.OpenFile(j.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	whole := int64(0)
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break // what a kill cut short was not yet acted on
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			f.Close()
			return fmt.Errorf("journal %s is damaged after %d bytes (%w): see by the tag %s what is left", j.name, whole, err, TagRun)
		}
		whole += int64(len(line))
		j.take(&e)
	}
	if err = f.Truncate(whole); err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("open the journal: %w", err)
	}
	j.file = f
	return syncDir(filepath.Dir(j.name))
}

// syncDir puts the names in a directory on the disk, so that a lost machine keeps a new
// file.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("write %s to the disk: %w", dir, err)
	}
	return nil
}

func (j *journal) take(e *entry) {
	switch e.What {
	case wroteBegin:
		j.region, j.endpoint = e.Region, e.Endpoint
	case wroteAsk, wroteMade:
		j.open[e.Token] = e.resource
		if e.ID != "" && e.Automatic {
			j.automatic = append(j.automatic, e.ID)
		}
	case wroteNone, wroteGone:
		delete(j.open, e.Token)
	}
}

// write appends entries; with durable they are on the disk when it returns.
func (j *journal) write(durable bool, entries ...entry) error {
	var b bytes.Buffer
	for i := range entries {
		line, err := json.Marshal(&entries[i])
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.hook != nil {
		if err := j.hook(); err != nil {
			return err
		}
	}
	if _, err := j.file.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if durable {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("write the journal to the disk: %w", err)
		}
	}
	for i := range entries {
		j.take(&entries[i])
	}
	return nil
}

// resources are those that may exist, groups first, in the order of their names.
func (j *journal) resources() []resource {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]resource, 0, len(j.open))
	for _, r := range j.open {
		list = append(list, r)
	}
	slices.SortFunc(list, func(x, y resource) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
	return list
}

// holds says whether a resource of the token may exist.
func (j *journal) holds(token string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.open[token]
	return ok
}

// automatics are the groups that may have caused automatic caches.
func (j *journal) automatics() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.automatic)
}

// close ends the journal; one of a run that left nothing, and one that says nothing, are
// removed.
func (j *journal) close(nothingLeft bool) error {
	info, err := j.file.Stat()
	empty := err == nil && info.Size() == 0
	err = j.file.Close()
	if nothingLeft || empty {
		err = errors.Join(err, os.Remove(j.name))
	}
	j.release()
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

// journaledRuns are the runs that have journals in a directory, in order.
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
		if run, ok := strings.CutSuffix(e.Name(), journalSuffix); ok && e.Type().IsRegular() {
			runs = append(runs, run)
		}
	}
	return runs, nil
}
