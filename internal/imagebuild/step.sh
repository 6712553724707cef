#!/bin/sh
# Runs one build step of an image. The caller starts this under unshare(1) with
# a mount and a process namespace of its own: whatever is mounted or started
# here is gone when the script ends, however it ends.
#
# usage: step.sh bootstrap LOWERS UPPER APT SUITE [PACKAGE...]
#        step.sh install   LOWERS UPPER APT COMMAND [PACKAGE...]
#        step.sh extract   LOWERS UPPER APT COMMAND [PACKAGE...]
#
# The working directory holds the stages. LOWERS is overlayfs's lowerdir (not
# used by bootstrap), UPPER the new layer's directory, APT the directory with
# apt.conf, lists and cache, COMMAND what to run in the image after install, or
# nothing.
set -eu
umask 022
mode=$1 lowers=$2 upper=$3 apt=$4 argument=$5
shift 5
root=$PWD/root

mount_overlay() {
	mkdir -p root scratch "$upper"
	rm -rf scratch/* && mkdir scratch/work
	mount -t overlay overlay \
		-o "lowerdir=$lowers,upperdir=$upper,workdir=scratch/work,redirect_dir=off,metacopy=off" root
}

# Makes a minimal Debian with merged /usr. mmdebstrap sets up apt in it for this
# machine's archive: that is taken out again. Services must not start in a chroot:
# policy-rc.d says so, as in every Debian image.
bootstrap() {
	packages=usr-is-merged
	for name; do packages=$packages,$name; done
	TMPDIR=$PWD mmdebstrap --mode=root --format=directory --variant=minbase --quiet --include="$packages" \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
		--aptopt="$apt/acquire.conf" --aptopt='APT::Sandbox::User "root"' \
		"$argument" "$upper" "$apt/sources.list"
	mkdir root && mount --bind "$upper" root
	rm -f root/etc/apt/apt.conf.d/99mmdebstrap root/etc/resolv.conf root/etc/hostname
	: >root/etc/apt/sources.list
	printf '#!/bin/sh\nexit 101\n' >root/usr/sbin/policy-rc.d
	chmod 755 root/usr/sbin/policy-rc.d
}

# Debian 12 has merged /usr, and base-files leaves making its links to the installer.
merge_usr() {
	for dir in bin sbin lib; do
		[ -e "root/$dir" ] || { mkdir -p "root/usr/$dir" && ln -s "usr/$dir" "root/$dir"; }
	done
	mkdir -p root/tmp root/proc root/sys root/dev root/run root/root root/var/lib/dpkg
	chmod 1777 root/tmp && chmod 700 root/root
	[ -e root/var/lib/dpkg/status ] || : >root/var/lib/dpkg/status
}

# Unpacks packages of any architecture: nothing of the image is executed.
extract() {
	mount_overlay
	merge_usr
	rm -f "$apt"/cache/archives/*.deb
	APT_CONFIG=$apt/apt.conf apt-get -o Dir::State="$apt" -o Dir::Cache="$apt/cache" \
		-o Dir::State::status="$root/var/lib/dpkg/status" --download-only -y install "$@"
	for deb in "$apt"/cache/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -p --numeric-owner -C root
		{ dpkg-deb -f "$deb" && echo "Status: install ok installed" && echo; } >>root/var/lib/dpkg/status
	done
}

# Installs packages of this machine's architecture: the host's apt downloads,
# the image's dpkg unpacks and configures in a chroot.
install() {
	mount_overlay
	mount -t proc proc root/proc
	mount -t tmpfs tmpfs root/tmp
	mount -t tmpfs -o mode=755 tmpfs root/dev
	mknod -m 666 root/dev/null c 1 3
	mknod -m 666 root/dev/zero c 1 5
	mknod -m 666 root/dev/full c 1 7
	mknod -m 666 root/dev/random c 1 8
	mknod -m 666 root/dev/urandom c 1 9
	mknod -m 666 root/dev/tty c 5 0
	ln -s /proc/self/fd root/dev/fd
	[ $# = 0 ] || install_packages "$@"
	[ -z "$argument" ] || chroot root /bin/sh -euc "$argument"
}

install_packages() {
	mount --bind "$apt/lists" root/var/lib/apt/lists
	mount --bind "$apt/cache" root/var/cache/apt
	APT_CONFIG=$apt/apt.conf apt-get -o Dir="$root" -o Dir::State::status="$root/var/lib/dpkg/status" \
		-o DPkg::Chroot-Directory="$root" -y install "$@"
}

# What a good Dockerfile leaves out, and what would differ from run to run.
clean() {
	rm -rf root/var/log/apt/* root/var/log/dpkg.log root/var/log/alternatives.log \
		root/var/lib/dpkg/*-old root/var/cache/debconf/*-old root/var/cache/ldconfig/aux-cache
}

"$mode" "$@"
clean
