package lab

import (
	"os/exec"
	"runtime"
)

// thread is an operating system thread that lives as long as it is wanted: the
// kernel gives programs their Pdeathsig when the thread that started them ends, and
// a network namespace belongs to a thread.
type thread struct {
	work  chan func()
	ended chan struct{}
	done  chan struct{}
}

// newThread starts a thread. It is thrown away at its end, whatever was done to it.
func newThread() *thread {
	t := &thread{work: make(chan func()), ended: make(chan struct{}), done: make(chan struct{})}
	go runApart(t.run)
	return t
}

func (t *thread) run() {
	defer close(t.done)
	for {
		select {
		case f := <-t.work:
			f()
		case <-t.ended:
			return
		}
	}
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case t.work <- func() { result <- f() }:
		return <-result
	case <-t.done:
		return errClosed
	}
}

func (t *thread) start(cmd *exec.Cmd) error { return t.do(cmd.Start) }

// close ends the thread; it is called once.
func (t *thread) close() {
	close(t.ended)
	<-t.done
}

// runApart runs f on a thread that ends with it. The process's first thread cannot
// end, and would keep what was done to it: another is taken then.
func runApart(f func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if !onFirstThread() {
		f()
		return
	}
	defer runtime.UnlockOSThread()
	held := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(held)
		f()
	}()
	<-held // this thread is not free until the other goroutine has its own
}
