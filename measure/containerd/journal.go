//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	eventstypes "github.com/containerd/containerd/api/events"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/typeurl/v2"

	"github.com/cachebench/cachebench/layers"
)

// notice is one event of the daemon, at its time.
type notice struct {
	at   time.Time
	kind noticeKind
	// about is a blob's digest or a snapshot's chainID.
	about layers.Digest
}

type noticeKind int

const (
	blobStored noticeKind = iota
	snapshotPrepared
	snapshotCommitted
)

// journal holds what a daemon's events tell, as they come.
type journal struct {
	mu      sync.Mutex
	notices []notice
	err     error // why no more come
	// barrier is the last one that came.
	barrier atomic.Int64
	asked   int64
	stop    context.CancelFunc
	done    chan struct{}
}

// barrierTopic is of events that this program sends to itself: what the daemon did
// before is told before.
const barrierTopic = "/cachebench/barrier"

// listen begins a journal of one namespace; it returns once events arrive.
func listen(ctx context.Context, client *containerd.Client, namespace string) (*journal, error) {
	// It outlives the call that begins it, and ends with close.
	own, stop := context.WithCancel(namespaces.WithNamespace(context.WithoutCancel(ctx), namespace))
	j := &journal{stop: stop, done: make(chan struct{})}
	envelopes, errs := client.Subscribe(own, `namespace==`+strconv.Quote(namespace))
	go func() {
		defer close(j.done)
		for {
			select {
			case e := <-envelopes:
				j.take(e)
			case err := <-errs:
				if err != nil && own.Err() == nil {
					j.fail(err)
				}
				return
			}
		}
	}()
	if err := j.flush(ctx, client); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = fmt.Errorf("listen to containerd's events: %w", err)
}

// take notes an event.
func (j *journal) take(e *events.Envelope) {
	if e == nil || e.Event == nil {
		return
	}
	event, err := typeurl.UnmarshalAny(e.Event)
	if err != nil {
		return // of a kind that this version of the client does not know
	}
	n := notice{at: e.Timestamp}
	switch event := event.(type) {
	case *eventstypes.ContentCreate:
		n.kind, n.about = blobStored, layers.Digest(event.Digest)
	case *eventstypes.SnapshotPrepare:
		chain, ok := extracted(event.Key)
		if !ok {
			return // a container's
		}
		n.kind, n.about = snapshotPrepared, chain
	case *eventstypes.SnapshotCommit:
		n.kind, n.about = snapshotCommitted, layers.Digest(event.Name)
	case *eventstypes.ImageDelete:
		if number, err := strconv.ParseInt(event.Name, 10, 64); err == nil && e.Topic == barrierTopic {
			j.barrier.Store(number)
		}
		return
	default:
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notices = append(j.notices, n)
}

// extracted returns the chainID that a snapshot's key names while its layer is
// unpacked (snapshots.UnpackKeyFormat).
func extracted(key string) (layers.Digest, bool) {
	rest, ok := strings.CutPrefix(key, "extract-")
	_, chain, found := strings.Cut(rest, " ")
	return layers.Digest(chain), ok && found
}

// flush waits until all events so far are in the journal.
func (j *journal) flush(ctx context.Context, client *containerd.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		j.asked++
		// Any event that containerd has a type for can carry the number.
		if err := client.EventService().Publish(ctx, barrierTopic, &eventstypes.ImageDelete{Name: strconv.FormatInt(j.asked, 10)}); err != nil {
			return fmt.Errorf("ask containerd for its events: %w", err)
		}
		// The first ones may come before the daemon knows of the subscription.
		if j.reached(j.asked, 200*time.Millisecond) {
			return j.failure()
		}
		if err := errors.Join(j.failure(), ctx.Err()); err != nil {
			return fmt.Errorf("wait for containerd's events: %w", err)
		}
	}
}

func (j *journal) reached(number int64, within time.Duration) bool {
	for until := time.Now().Add(within); j.barrier.Load() < number; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return false
		}
	}
	return true
}

func (j *journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// drain returns the events since the last call.
func (j *journal) drain() []notice {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.notices
	j.notices = nil
	return n
}

func (j *journal) close() error {
	j.stop()
	<-j.done
	return nil
}
