#!/bin/sh
# Checks what GoReleaser put into dist (check.sh dist): six archives whose files are those
# wanted, whose sums are as listed, and for each binary a list of just the modules that go
# finds linked into it. Prints the archives' sizes and what this machine's binary says.
set -eu
GO=${GO:-go}
dist=${1:?usage: check.sh DIST}
fail() {
	echo "$dist: $*" >&2
	exit 1
}
(cd "$dist" && sha256sum --quiet -c checksums.txt) || fail "sums are not those of checksums.txt"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for platform in linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64 windows_arm64; do
	to=$work/$platform
	mkdir "$to"
	program=$to/cachebench
	case $platform in
	windows_*)
		archive=$(ls "$dist"/cachebench_*_"$platform".zip)
		program=$program.exe
		unzip -q "$archive" -d "$to"
		;;
	*)
		archive=$(ls "$dist"/cachebench_*_"$platform".tar.gz)
		tar -xzf "$archive" -C "$to"
		;;
	esac
	for file in LICENSE README.md CHANGELOG.md man/man1/cachebench.1 man/man1/cachebench-run.1 \
		completions/cachebench.bash completions/_cachebench completions/cachebench.fish completions/cachebench.ps1; do
		test -s "$to/$file" || fail "$archive has no $file"
	done
	$GO version -m "$program" | awk '$1 == "dep" { print $2 "@" $3 }' | sort >"$to/linked"
	test -s "$to/linked" || fail "$archive: go version -m finds no module in the binary"
	list=$(ls "$dist"/cachebench_*_"$platform".cdx.json)
	# Of the components alone: what depends on what is told after them.
	awk '/^  "components": \[/ { in_it = 1 } /^  \],?$/ { in_it = 0 } in_it' "$list" |
		sed -n 's/^      "bom-ref": "pkg:golang\/\(.*\)?type=module.*/\1/p' | grep -v '^std@' | sort >"$to/listed"
	diff "$to/linked" "$to/listed" >&2 || fail "$list lists other modules (right) than are linked (left)"
	for file in "$archive" "$list"; do
		grep -q "  $(basename "$file")\$" "$dist/checksums.txt" || fail "checksums.txt lacks $(basename "$file")"
	done
	echo "$archive $(wc -c <"$archive" | awk '{ printf "%.1f MB", $1 / 1e6 }'), $(find "$to" -type f ! -name linked ! -name listed | wc -l | tr -d ' ') files, $(wc -l <"$to/linked" | tr -d ' ') modules"
done
native=$work/$($GO env GOHOSTOS)_$($GO env GOHOSTARCH)/cachebench
if [ -x "$native" ]; then
	"$native" version
fi
