#!/usr/bin/env bash
# Runs SimGrid on the fleets of internal/fleet's Cases and stores the ready times
# as NAME.txt.gz beside this file.
#
# usage: make oracle-simgrid (Debian, g++ and libsimgrid-dev)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
source simulate/network/testdata/simgrid/simgrid.sh

names=$(prepare)
rm -f "$directory"/*.txt.gz
for name in $names; do
	seconds=$(simulate "$name")
	LC_ALL=C awk '{ printf "%.12g\n", $1 }' "$work/$name.txt" | gzip -9n >"$directory/$name.txt.gz"
	echo "$name: $seconds CPU seconds"
done
