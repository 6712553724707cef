// Command cachebench says which images to cache, how much startup time and
// money that saves, and how sure that is.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := untilSignal()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// untilSignal is a context that ends with the first signal to end: Ctrl-C, SIGTERM, or
// SIGHUP, which comes when the terminal or the connection that the program was started
// from goes; what was made is removed in each case. After it the signals act as usual
// again, so that a second Ctrl-C ends the program at once, but for SIGHUP: shell and
// kernel both send one. A program that was started to outlive its terminal (nohup) does.
func untilSignal() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
