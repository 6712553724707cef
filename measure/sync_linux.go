package measure

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SyncFileSystem writes back all that the file system of a directory has to write,
// so that what was made or removed before a run does not disturb it.
func SyncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err == nil {
		defer f.Close()
		err = unix.Syncfs(int(f.Fd()))
	}
	if err != nil {
		return fmt.Errorf("write back the file system of %s: %w", dir, err)
	}
	return nil
}
