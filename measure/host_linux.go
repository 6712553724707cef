package measure

import "golang.org/x/sys/unix"

// magics are the numbers of file systems that images are kept on (statfs(2)). ext2,
// ext3 and ext4 share one.
var magics = map[int64]string{
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
}

// fileSystemMagic is the number of a path's file system, with its name where the
// number tells it.
func fileSystemMagic(path string) (magic int64, name string) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, ""
	}
	return int64(s.Type), magics[int64(s.Type)]
}

// syncDisks writes what is not yet on the disks.
func syncDisks() { unix.Sync() }
