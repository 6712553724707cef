package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow refuses to open what a symlink leads to.
const noFollow = syscall.O_NOFOLLOW

// lockFile takes the lock of an open file without waiting; false means that another
// process has it. It ends with the file or with the process.
func lockFile(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// ownAlone says that a file belongs to this user and nobody else can write to it.
func ownAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// trusted says why others could put something else in the place of what is in a
// directory. A group of the owner's own number is taken for one that nobody else is in,
// as distributions make them, with directories that it can write to.
func trusted(dir *os.Root, path string) error {
	info, err := dir.Stat(".")
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	const mend = "take away the right to write there, set its sticky bit, or name another directory"
	switch {
	case !ok:
		return fmt.Errorf("it is not known whose %s is", path)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, who can replace the directories in it: name one of your own, or one that is yet to be made", path, st.Uid)
	case mode&os.ModeSticky != 0:
		return nil
	case mode.Perm()&0o002 != 0:
		return fmt.Errorf("everybody can replace the directories in %s, so nothing in it is taken for one's own: %s", path, mend)
	case mode.Perm()&0o020 != 0 && st.Gid != st.Uid:
		return fmt.Errorf("group %d can replace the directories in %s, so nothing in it is taken for one's own: %s", st.Gid, path, mend)
	}
	return nil
}
