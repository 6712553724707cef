package ecigroup

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
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
	// Region, Endpoint and Key are where the run is, and the fingerprint of its access key:
	// they stand with each thing that is made, too, for a begin that is lost. Until is of a
	// begin: until when the run may be under way.
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
	// access key that it was made with; empty is the one in use.
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

	mu sync.Mutex
	// file is nil, and held what is to be written to it, until the journal is kept.
	file *os.File
	held []byte
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
	// damaged is how many lines could not be read, empty that there was no line.
	damaged int
	empty   bool
	// locked is whether this process holds its lock: there are places without any.
	locked bool
	// region, endpoint and key are those of the last begin, until the latest of all. Where no
	// begin can be read region and endpoint are of what was made; empty is not known.
	region, endpoint, key string
	until                 time.Time
	// hook stands in tests for a machine that dies between two writes.
	hook func() error
}

// keyUnknown stands for the key of what was made with nobody knows which.
const keyUnknown = "unknown"

// errAlive is of a journal whose run is under way.
var errAlive = errors.New("the run is under way")

// dir is the directory that the journal is in.
func (j *journal) dir() string { return filepath.Dir(j.name) }

func (j *journal) take(e *entry) {
	switch e.What {
	case wroteBegin:
		j.region, j.endpoint, j.key, j.until = e.Region, e.Endpoint, e.Key, latest(j.until, e.Until)
	case wroteAsk, wroteMade:
		r := e.resource
		r.at, r.key = e.At, cmp.Or(e.Key, j.key, keyUnknown)
		j.open[e.Token] = r
		j.region, j.endpoint = cmp.Or(j.region, e.Region), cmp.Or(j.endpoint, e.Endpoint)
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
	if j.file == nil {
		j.held = append(j.held, b.Bytes()...)
	} else if err := j.put(b.Bytes(), durable); err != nil {
		return err
	}
	for i := range entries {
		j.take(&entries[i])
	}
	return nil
}

// put writes whole lines; with durable they are on the disk when it returns.
func (j *journal) put(lines []byte, durable bool) error {
	if j.hook != nil {
		if err := j.hook(); err != nil {
			return err
		}
	}
	if err := j.append(lines); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if durable {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("write the journal to the disk: %w", err)
		}
	}
	return nil
}

// remember is of what could not be written: as long as this process lives it is known.
func (j *journal) remember(r resource) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open[r.Token] = r
}

// tells says whether the group that makes a cache is noted with it.
func (j *journal) tells(cache *resource) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.open[cache.Token]
	return r.ID == cache.ID && r.Helper == cache.Helper
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
