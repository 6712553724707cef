package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// dropCaches is where Linux is told to forget what it read: 1 is file contents, 3
// directories and inodes too (Linux Documentation/admin-guide/sysctl/vm.rst).
const dropCaches = "/proc/sys/vm/drop_caches"

// DropPageCache writes what is not yet on the disk and empties the host's page
// cache, all of it: other programs then read from the disk as well. It takes root.
func DropPageCache() error {
	syncDisks()
	return dropPageCache(dropCaches)
}

// CheckPageCache says why DropPageCache would fail, without emptying anything.
func CheckPageCache() error { return checkPageCache(dropCaches) }

func checkPageCache(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		err = f.Close()
	}
	return wordPageCache(err)
}

func dropPageCache(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("3\n")
		err = errors.Join(err, f.Close())
	}
	return wordPageCache(err)
}

func wordPageCache(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("empty the page cache: %w: it takes root on the host itself; run as root, or leave dropPageCache out", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("empty the page cache: %w: this system has no such switch; leave dropPageCache out", err)
	case err != nil:
		return fmt.Errorf("empty the page cache: %w; leave dropPageCache out where the system forbids it", err)
	}
	return nil
}
