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
	// Region, Endpoint, Key and Until are of a begin: where the run is, the fingerprint of
	// its access key, and until when it may be under way. Key stands also where a resource
	// is of another one than the begin before it.
	Region   string    `json:"region,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"`
	Key      string    `json:"key,omitempty"`
	Until    time.Time `json:"until,omitzero"`
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
	// Helper is the group that makes a cache: it goes with it, and is deleted besides, for
	// the case that it does not.
	Helper string `json:"helper,omitempty"`
	// at is when it was asked for, or made; zero is not known. key is the fingerprint of the
	// access key that it was made with; empty is not known.
	at  time.Time
	key string
}

// cause is a group that may have caused an automatic cache, when it was made, and with
// which access key.
type cause struct {
	id  string
	at  time.Time
	key string
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
	// whole is how many bytes of whole lines the file has; torn says that more may be
	// there, of a line that could not be written and not be taken back.
	whole int64
	torn  bool
	// automatic are the groups that may have caused an automatic cache.
	automatic []cause
	// past are the IDs of what was deleted, which lists may have for a while, each with the
	// key that it was made with.
	past map[string]string
	// damaged is how many lines could not be read, empty that there was none.
	damaged int
	empty   bool
	// locked is whether this process holds its lock: there are places without any.
	locked bool
	// region, endpoint and key are those of the last begin, until the latest of all.
	region, endpoint, key string
	until                 time.Time
	// hook stands in tests for a machine that dies between two writes.
	hook func() error
}

// errAlive is of a journal whose run is under way.
var errAlive = errors.New("the run is under way")

// openJournal opens, or begins, the journal of a run, and locks it where there are locks.
func openJournal(dir, run string, now time.Time) (*journal, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make the directory of journals: %w", err)
	}
	j := &journal{name: filepath.Join(dir, run+journalSuffix), open: map[string]resource{}, past: map[string]string{}}
	release, free := scratch.LockFile(lockName(dir, run))
	if !free {
		return nil, fmt.Errorf("journal %s: %w", j.name, errAlive)
	}
	// Where there are no locks all are free, also what is locked.
	_, again := scratch.LockFile(lockName(dir, run))
	j.release, j.locked = release, !again
	if err := j.read(now); err != nil {
		release()
		return nil, err
	}
	return j, nil
}

// read replays what is there, and leaves the file open for more. A line that cannot be
// read is passed over: what it said is found by the tag. What another clock says to be
// later than now is of now.
func (j *journal) read(now time.Time) error {
	f, err := os.OpenFile(j.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break // what a kill cut short was not yet acted on
		}
		j.whole += int64(len(line))
		var e entry
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &e); err != nil {
			j.damaged++
			continue
		}
		if e.At.After(now) {
			e.At = now
		}
		j.take(&e)
	}
	j.empty = j.whole == 0
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
	return nil
}

// dir is the directory that the journal is in.
func (j *journal) dir() string { return filepath.Dir(j.name) }

func (j *journal) take(e *entry) {
	switch e.What {
	case wroteBegin:
		j.region, j.endpoint, j.key, j.until = e.Region, e.Endpoint, e.Key, latest(j.until, e.Until)
	case wroteAsk, wroteMade:
		r := e.resource
		r.at, r.key = e.At, cmp.Or(e.Key, j.key)
		j.open[e.Token] = r
		if e.ID != "" && e.Automatic {
			j.automatic = append(j.automatic, cause{e.ID, e.At, r.key})
		}
	case wroteNone, wroteGone:
		if e.ID != "" {
			j.past[e.ID] = cmp.Or(e.Key, j.open[e.Token].key)
		}
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
	if err := j.append(b.Bytes()); err != nil {
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

// append writes whole lines: what of them could not be written is taken back, so that
// the next are not made one with it.
func (j *journal) append(lines []byte) error {
	if j.torn {
		lines = append([]byte("\n"), lines...)
	}
	n, err := j.file.Write(lines)
	if err == nil {
		j.whole, j.torn = j.whole+int64(n), false
		return nil
	}
	j.torn = true
	if fault := j.file.Truncate(j.whole); fault != nil {
		return errors.Join(err, fault)
	}
	if _, fault := j.file.Seek(j.whole, io.SeekStart); fault != nil {
		return errors.Join(err, fault)
	}
	j.torn = false
	return err
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

// knows says whether a group was made, or deleted, by the journal, and with which key.
func (j *journal) knows(id string) (key string, known bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if key, known = j.past[id]; known {
		return key, true
	}
	i := slices.IndexFunc(j.automatic, func(c cause) bool { return c.id == id })
	if i < 0 {
		return "", false
	}
	return j.automatic[i].key, true
}

// automatics are the IDs of the groups that may have caused automatic caches, causes
// also when each was made.
func (j *journal) automatics() []string {
	var ids []string
	for _, c := range j.causes() {
		ids = append(ids, c.id)
	}
	return ids
}

func (j *journal) causes() []cause {
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
