package ecigroup

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/cachebench/cachebench/eci"
)

// errMayExist is of what was asked for without an answer, and is in no list so far.
var errMayExist = errors.New("it may exist: it was asked for, no answer came, and it is in no list yet")

// errUnknownHere is of what an account does not know that may not be the run's.
var errUnknownHere = errors.New("it was made with another access key, and nothing here shows that this is its account: clean up with the run's key; if this is its account for certain, with --clean-up, --run and --this-account")

// helperError is of the group that makes a cache, where the cache is gone and it is not.
type helperError struct {
	id  string
	err error
}

func (e *helperError) Error() string { return e.err.Error() }
func (e *helperError) Unwrap() error { return e.err }

// leftOf is what a resource that could not be deleted leaves: itself, or the group that
// made it.
func leftOf(r *resource, err error) Left {
	var helper *helperError
	if errors.As(err, &helper) {
		return Left{Group, helper.id, "the group that makes " + r.ID, err}
	}
	return Left{r.Kind, r.ID, r.Name, err}
}

// Left is a resource that could not be deleted, or that may exist.
type Left struct {
	Kind, ID, Name string
	Err            error
}

// LeftError lists what is left behind and costs money.
type LeftError struct {
	Run, Region, Endpoint string
	// JournalDir is where the run's journal is.
	JournalDir string
	Left       []Left
}

// Error names every resource with the command that removes it.
func (e *LeftError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of run %s could not be deleted and may cost money; to remove them: cachebench measure eci --clean-up --region %s --run %s --journal %s --endpoint %s",
		resources(len(e.Left)), e.Run, e.Region, e.Run, shellWord(e.JournalDir), endpointFlags(e.Endpoint))
	for _, l := range e.Left {
		fmt.Fprintf(&b, "\n  %s %s: %v\n    or: %s", l.Kind, l.name(), l.Err, l.command(e.Region))
	}
	return b.String()
}

// endpointFlags is an endpoint as the command line takes it: without TLS it is to be allowed
// on other machines.
func endpointFlags(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Scheme == "http" && !eci.Loopback(u.Hostname()) {
		return endpoint + " --plain-http-endpoint"
	}
	return endpoint
}

// resources counts them in words.
func resources(n int) string {
	if n == 1 {
		return "1 resource"
	}
	return fmt.Sprintf("%d resources", n)
}

// shellWord is a word as a shell takes it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Unwrap are the reasons.
func (e *LeftError) Unwrap() []error {
	var errs []error
	for _, l := range e.Left {
		errs = append(errs, l.Err)
	}
	return errs
}

func (l *Left) name() string { return cmp.Or(l.ID, l.Name) }

func (l *Left) what() string { return l.Kind + " " + l.name() }

// command deletes the resource by Alibaba's own program.
func (l *Left) command(region string) string {
	switch {
	case l.ID == "":
		return "look for " + l.Name + " in the console"
	case l.Kind == Cache:
		return "aliyun eci DeleteImageCache --RegionId " + region + " --ImageCacheId " + l.ID
	}
	return "aliyun eci DeleteContainerGroup --RegionId " + region + " --ContainerGroupId " + l.ID
}

// notYet says whether all that is left is only not allowed to be deleted yet, or not
// known yet.
func notYet(left []Left) bool {
	for _, l := range left {
		if !errors.Is(l.Err, eci.ErrIncorrectStatus) && !errors.Is(l.Err, eci.ErrConflict) && !errors.Is(l.Err, errNotKnownYet) {
			return false
		}
	}
	return len(left) > 0
}
