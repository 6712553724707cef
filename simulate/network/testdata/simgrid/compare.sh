#!/usr/bin/env bash
# Times SimGrid and the project's engine in turn on the same fleets, and prints
# pulls per CPU second of both in the format of Go benchmarks (for benchstat -col
# /engine), then the medians with their ratio.
#
# usage: make compare-simgrid [FLEETS="star-1000 tree-1000"] [RUNS=7]
#
# Ours is BenchmarkFleet of package simulate: a sub-benchmark .../fleet=NAME that
# reports pulls/cpu-sec is set beside SimGrid's fleet NAME of internal/fleet's
# Cases; others are only printed. SimGrid's seconds leave out the building of its
# platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
source simulate/network/testdata/simgrid/simgrid.sh

prepare >/dev/null
results=$work/compare.txt
"${GO:-go}" test -c -o "$work/simulate.test" ./simulate
echo "Unit pulls/cpu-sec better=higher" | tee "$results"
for ((run = 0; run < ${RUNS:-3}; run++)); do
	for name in ${FLEETS:-star-100 star-1000 tree-1000}; do
		simulate "$name" | LC_ALL=C awk -v name="$name" -v pulls="$(grep -c ^start "$work/$name.fleet")" \
			'{ printf "BenchmarkFleet/engine=simgrid/fleet=%s 1 %.1f pulls/cpu-sec\n", name, pulls / $1 }'
	done
	(cd simulate && "../$work/simulate.test" -test.run '^$' -test.bench BenchmarkFleet -test.benchtime "${BENCHTIME:-1s}")
done | tee -a "$results"

echo
LC_ALL=C awk '
	function median(list,    a, n, i, j, t) {
		n = split(list, a, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
		return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
	}
	/^BenchmarkFleet/ && match($1, /fleet=[a-z0-9-]*[a-z0-9]/) {
		fleet = substr($1, RSTART + 6, RLENGTH - 6)
		engine = $1 ~ /engine=simgrid/ ? "simgrid" : "ours"
		# go test adds the number of processors, unless it is one.
		if (engine == "ours" && !(fleet in of_simgrid)) sub(/-[0-9]+$/, "", fleet)
		for (i = 2; i < NF; i++)
			if ($(i + 1) == "pulls/cpu-sec") {
				if (engine == "simgrid") of_simgrid[fleet] = of_simgrid[fleet] " " $i
				else of_ours[fleet] = of_ours[fleet] " " $i
			}
	}
	END {
		printf "%-16s %14s %14s %8s   (medians of pulls per CPU second)\n", "fleet", "SimGrid", "ours", "ratio"
		for (fleet in of_simgrid) {
			theirs = median(of_simgrid[fleet])
			if (fleet in of_ours) {
				mine = median(of_ours[fleet])
				printf "%-16s %14.0f %14.0f %8.0f\n", fleet, theirs, mine, mine / theirs
			} else
				printf "%-16s %14.0f %14s %8s\n", fleet, theirs, "-", "-"
		}
	}' "$results"
