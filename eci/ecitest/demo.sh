#!/usr/bin/env bash
# Leads through an account's image caches without an account: creates one, waits for it,
# measures starts cold and cached, reports, and deletes, against the endpoint of package
# ecitest as a process of its own on loopback. Every command is shown before it runs.
# docs/eci.md does the same on the real service.
#
# usage: eci/ecitest/demo.sh (make demo-eci)
#
# The times are the endpoint's, which plays the service by a profile: they say nothing
# about the real one. What is written is in build/demo-eci.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

dir=build/demo-eci
mkdir -p "$dir"
rm -rf "$dir"/*.json "$dir"/*.yaml "$dir"/report.html "$dir"/url "$dir"/state
${GO:-go} build -o "$dir/cachebench" ./cmd/cachebench
${GO:-go} build -o "$dir/serve" ./eci/ecitest/serve
PATH="$PWD/$dir:$PATH"

run() {
	local words
	words=$(printf ' %q' "$@")
	printf '\n$%s\n' "${words//\\,/,}" # a comma needs no backslash
	"$@"
}

# The images of the quickstart, under the names that a registry would have.
web=registry.example.com/shop/web:1.4.1
proxy=registry.example.com/mesh/proxy:1.2
images=(--registry registry.example.com=testdata/images --layer-sizes testdata/images/layers.csv)
run cachebench analyze "$web" "$proxy" "${images[@]}" --save "$dir/inventory.json" --output-file "$dir/images.txt"

# An endpoint whose clock goes on by 5 s with each request.
serve --step 5s --strict --require-network --inventory "$dir/inventory.json" --start "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$dir/url" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
	[ -s "$dir/url" ] && break
	sleep 0.1
done
CACHEBENCH_ECI_ENDPOINT=$(head -1 "$dir/url")
export CACHEBENCH_ECI_ENDPOINT ALIBABA_CLOUD_REGION_ID=cn-hangzhou
# The endpoint's own key, which opens nothing else.
export ALIBABA_CLOUD_ACCESS_KEY_ID=ecitest-id ALIBABA_CLOUD_ACCESS_KEY_SECRET=ecitest-secret
export XDG_STATE_HOME="$PWD/$dir/state" XDG_CACHE_HOME="$PWD/$dir/cache"
place=(--vswitch vsw-demo --security-group sg-demo)

# Create a cache: what it costs is shown before.
run cachebench cache create "$web" "$proxy" --name shop "${place[@]}" --inventory "$dir/inventory.json" --save "$dir/shop.yaml" --yes
# Wait until it is Ready; its events are shown.
run cachebench cache wait shop --poll 50ms
run cachebench cache list --inventory "$dir/inventory.json" --caches "$dir/shop.yaml"
id=$(sed -n 's/^ *- id: //p' "$dir/shop.yaml")

# Measure starts without a cache and from this one.
run cachebench measure eci "$web" "$proxy" --together --arms cold,explicit --cache "$id" --repeats 10 --concurrency 5 \
	"${place[@]}" --inventory "$dir/inventory.json" --max-cost 1 --virtual-time --yes --save "$dir/timeline.json" --output-file "$dir/measured.txt"
# Report.
run cachebench report "$dir/timeline.json"
run cachebench report "$dir/timeline.json" --output-file "$dir/report.html"

# Delete the cache; the account then has nothing that costs money.
run cachebench cache delete shop --yes
run cachebench cache list --no-drift
serve --left "$CACHEBENCH_ECI_ENDPOINT"
printf '\nWritten: %s/report.html, %s/timeline.json. All times are of the endpoint in this demo.\n' "$dir" "$dir"
