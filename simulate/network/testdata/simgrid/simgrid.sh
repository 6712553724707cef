# For oracle.sh and compare.sh, which source it at the root of the repository.

directory=simulate/network/testdata/simgrid
work=build/simgrid

# Plain max-min sharing of bytes per second; README.md says what each is for.
options=(
	--cfg=network/model:CM02
	--cfg=network/TCP-gamma:0
	--cfg=network/weight-S:0
	--cfg=network/bandwidth-factor:1
	--cfg=network/latency-factor:1
	--cfg=network/crosstraffic:0
	--cfg=maxmin/precision:1e-9
	--cfg=surf/precision:1e-9
	--cfg=contexts/stack-size:64
	--log=root.thres:warning
)

# Builds the program and writes the fleets as $work/NAME.fleet; prints the names.
prepare() {
	mkdir -p "$work"
	if ! c++ -O2 -std=c++17 -Wall -o "$work/pulls" "$directory/pulls.cpp" -lsimgrid; then
		echo "simgrid: pulls.cpp does not compile: are g++ and libsimgrid-dev (3.32) installed?" >&2
		return 1
	fi
	"${GO:-go}" run ./internal/fleet/simgrid "$work"
}

# simulate NAME: ready times to $work/NAME.txt, the CPU seconds to standard output.
simulate() {
	"$work/pulls" "$work/$1.fleet" "${options[@]}" 2>&1 >"$work/$1.txt"
}
