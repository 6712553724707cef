package ecigroup

import (
	"errors"
	"testing"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestRefusedUnanswered: what is not known to be there is asked about too, and where that is
// refused nothing is deleted and the journal stays.
func TestRefusedUnanswered(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	opt := w.opt
	opt.setDefaults()
	c, err := newCustody(t.Context(), w.client(), w.opt.JournalDir, "20261130t000000z-0123abcd", &opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.begin(opt.Now()), c.ask(&resource{Kind: Group}), c.journal.close(false)); err != nil {
		t.Fatal(err)
	}
	var asked []string
	refuse := func(_ string, what []string) (bool, error) {
		asked = what
		return false, nil
	}
	removed, err := CleanUp(t.Context(), w.client(), CleanUpOptions{JournalDir: w.opt.JournalDir, Confirm: refuse, Now: w.opt.Now, Sleep: w.opt.Sleep})
	if err != nil || len(removed) > 0 || len(asked) != 1 || len(w.journals()) != 1 {
		t.Errorf("asked about %q; %q is deleted, %v, journals %q", asked, removed, err, w.journals())
	}
}
