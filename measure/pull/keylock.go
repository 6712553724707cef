package pull

import (
	"context"
	"sync"
)

// keyLocks are locks by key, taken in the order of asking, as containerd's
// duplication suppressor is (internal/kmutex).
type keyLocks struct {
	mu   sync.Mutex
	keys map[string]*keyLock
}

type keyLock struct {
	held  chan struct{}
	users int
}

// lock takes the key's lock; waited is true when somebody else had it.
func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), waited bool, err error) {
	k := l.use(key)
	select {
	case k.held <- struct{}{}:
	default:
		waited = true
		select {
		case k.held <- struct{}{}:
		case <-ctx.Done():
			l.leave(key, k)
			return nil, true, ctx.Err()
		}
	}
	return sync.OnceFunc(func() {
		<-k.held
		l.leave(key, k)
	}), waited, nil
}

func (l *keyLocks) use(key string) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[key]
	if k == nil {
		if l.keys == nil {
			l.keys = make(map[string]*keyLock)
		}
		k = &keyLock{held: make(chan struct{}, 1)}
		l.keys[key] = k
	}
	k.users++
	return k
}

func (l *keyLocks) leave(key string, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.keys, key)
	}
}
