package lab

import "golang.org/x/sys/unix"

func onFirstThread() bool { return unix.Gettid() == unix.Getpid() }
