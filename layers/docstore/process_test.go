package docstore

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childRole makes the test binary one of the processes of TestProcesses and
// TestKilled; childDir is the store's directory.
const (
	childRole = "DOCSTORE_TEST_ROLE"
	childDir  = "DOCSTORE_TEST_DIR"
	childSeed = "DOCSTORE_TEST_SEED"
)

const processBytes = 2 << 20

func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		os.Exit(m.Run())
	}
	seed, _ := strconv.ParseUint(os.Getenv(childSeed), 10, 64)
	if err := child(role, os.Getenv(childDir), rand.New(rand.NewPCG(seed, 1))); err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(role, dir string, random *rand.Rand) error {
	switch role {
	case "writer":
		return repeat(10, dir, Options{MaxBytes: processBytes}, func(s *Store) error { return readAndPut(s, random) })
	case "reader":
		return repeat(15, dir, Options{ReadOnly: true}, readAll)
	case "pruner":
		return repeat(20, dir, Options{MaxBytes: processBytes / 2}, func(*Store) error { return nil })
	case "endless":
		return writeEndlessly(dir)
	}
	return fmt.Errorf("unknown role")
}

func repeat(times int, dir string, opt Options, work func(*Store) error) error {
	for range times {
		s, err := Open(dir, opt)
		if err != nil {
			return err
		}
		if err := work(s); err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

func readAndPut(s *Store, random *rand.Rand) error {
	for range 200 {
		n := random.IntN(3000)
		doc := body(n)
		got, ok := s.Document(digestOf(doc), nil)
		if ok && !bytes.Equal(got, doc) {
			return fmt.Errorf("wrong document %d", n)
		}
		s.PutDocument(digestOf(doc), doc)
		if got, ok := s.Document(digestOf(doc), nil); !ok || !bytes.Equal(got, doc) {
			return fmt.Errorf("document %d, which was just put: %t, %.20q", n, ok, got)
		}
		ref := fmt.Sprint("web:", n%10)
		s.PutMeaning(ref, Meaning{digestOf(doc), ref, time.Now()})
		if m, ok := s.Meaning(ref); ok && m.MediaType != ref {
			return fmt.Errorf("wrong meaning %v of %s", m, ref)
		}
	}
	return nil
}

func readAll(s *Store) error {
	hits := 0
	for n := range 3000 {
		doc := body(n)
		got, ok := s.Document(digestOf(doc), nil)
		if ok && !bytes.Equal(got, doc) {
			return fmt.Errorf("wrong document %d", n)
		}
		if ok {
			hits++
		}
	}
	if st := s.Stats(); st.Healed > 0 {
		return fmt.Errorf("damage where there is none: %+v", st)
	}
	fmt.Println(hits)
	return nil
}

// writeEndlessly tells after every 500 documents how many were put.
func writeEndlessly(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	for n := 0; n < 1e6; n++ {
		put(s, body(n))
		if n%500 == 499 {
			fmt.Println(n + 1)
		}
	}
	return nil
}

func command(t *testing.T, role, dir string, seed int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir, fmt.Sprint(childSeed, "=", seed))
	return cmd
}

// TestProcesses runs writers, readers and pruners at once on one directory.
func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	closed(t, open(t, dir, Options{}))
	var group sync.WaitGroup
	for i, role := range []string{"writer", "writer", "writer", "reader", "reader", "pruner"} {
		cmd := command(t, role, dir, i)
		group.Go(func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", role, err, out)
			}
			if lines := strings.Fields(string(out)); role == "reader" && lines[len(lines)-1] == "0" {
				t.Error("a reader never saw what the writers kept")
			}
		})
	}
	group.Wait()
	s := open(t, dir, Options{MaxBytes: processBytes})
	st := s.Stats()
	if err := readAll(s); err != nil {
		t.Error(err)
	}
	closed(t, s)
	if st.Documents < 300 || st.Meanings != 10 {
		t.Errorf("little is left: %+v", st)
	}
	if got := totalBytes(t, dir); got > processBytes {
		t.Errorf("%d bytes, bound %d", got, processBytes)
	}
}

// TestKilled kills a writer in the midst of its work, again and again.
func TestKilled(t *testing.T) {
	for round := range 4 {
		dir := t.TempDir()
		cmd := command(t, "endless", dir, 0)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wrote := 0
		for lines := bufio.NewScanner(out); wrote < 2000+700*round && lines.Scan(); {
			if wrote, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(round) * 700 * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()

		s := open(t, dir, Options{})
		// At most the write buffer is lost: 128 KiB, less than 1,000 documents.
		holds(t, s, bodies(0, wrote-1000)...)
		put(s, bodies(0, wrote)...)
		closed(t, s)
		if packs, indexes := files(t, dir, packSuffix), files(t, dir, sidecarSuffix); len(packs) != len(indexes) {
			t.Errorf("round %d: packs %v, indexes %v", round, packs, indexes)
		}
		s = open(t, dir, Options{ReadOnly: true})
		holds(t, s, bodies(0, wrote)...)
		closed(t, s)
	}
}
