#!/bin/sh
# What GoReleaser does before it builds: the version of the sources must be that of the tag
# (prepare.sh VERSION, or snapshot), manual pages and completion scripts are written to
# build/release for the archives, and the program that lists a binary's modules is built there.
set -eu
GO=${GO:-go}
want=${1:?usage: prepare.sh VERSION|snapshot}
has=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' scenario.go)
if [ "$want" != snapshot ] && [ "$want" != "$has" ]; then
	echo "the tag is v$want, but scenario.go says Version = \"$has\": make them the same" >&2
	exit 1
fi
rm -rf build/release
mkdir -p build/release/completions
$GO build -o build/release/cachebench ./cmd/cachebench
program=build/release/cachebench
$program man build/release/man
$program completion bash >build/release/completions/cachebench.bash
$program completion zsh >build/release/completions/_cachebench
$program completion fish >build/release/completions/cachebench.fish
$program completion powershell >build/release/completions/cachebench.ps1
rm $program
GOBIN=$PWD/build/release/bin $GO install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
