#!/usr/bin/env bash
# Runs a command against a real registry that holds the images of build/images,
# which are built first where they are missing (that needs root on Debian 12).
#
# usage: internal/imagebuild/demo-live.sh COMMAND [ARGUMENT...]
#
# The command runs in the top directory of the repository, with
#   REGISTRY    the registry's HOST:PORT on loopback, plain HTTP
#   LAYERS_CSV  the table of the layers, with sizes that no manifest has
# in its environment. The registry is Debian's docker-registry with its storage
# in a temporary directory; both are gone when the script ends, however it ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ $# = 0 ]; then
	sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
fi

images=build/images
temporary=$(mktemp -d)
registry_pid=

cleanup() {
	if [ -n "$registry_pid" ]; then
		kill "$registry_pid" 2>/dev/null || true
		wait "$registry_pid" 2>/dev/null || true
	fi
	rm -rf "$temporary"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints the registry's program. Where it is not installed its package is only
# unpacked, so that no service starts on this machine.
find_registry() {
	if command -v docker-registry; then
		return
	fi
	if ! command -v apt-get >/dev/null; then
		echo "demo-live: install docker-registry (Debian's package) first" >&2
		return 1
	fi
	echo "demo-live: docker-registry is not installed: unpacking its package to a temporary directory" >&2
	if [ "$(id -u)" = 0 ]; then
		apt-get update -q >&2
	fi
	(cd "$temporary" && apt-get download -q docker-registry >&2 && dpkg-deb -x docker-registry_*.deb package)
	echo "$temporary/package/usr/bin/docker-registry"
}

# Starts the registry on a port that the kernel picks, and sets REGISTRY.
start_registry() {
	local program log=$temporary/registry.log
	program=$(find_registry)
	cat >"$temporary/registry.yml" <<-EOT
		version: 0.1
		storage:
		  filesystem:
		    rootdirectory: $temporary/storage
		http:
		  addr: 127.0.0.1:0
	EOT
	"$program" serve "$temporary/registry.yml" >"$log" 2>&1 &
	registry_pid=$!
	for _ in $(seq 100); do
		REGISTRY=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$log")
		[ -z "$REGISTRY" ] || return 0
		kill -0 "$registry_pid" 2>/dev/null || break
		sleep 0.1
	done
	echo "demo-live: docker-registry did not start:" >&2
	cat "$log" >&2
	return 1
}

[ -f "$images/layers.csv" ] || go run ./internal/imagebuild -out "$images"
start_registry
go run ./internal/imagebuild -out "$images" -push "$REGISTRY"

export REGISTRY LAYERS_CSV="$PWD/$images/layers.csv"
"$@"
