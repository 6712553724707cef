#!/usr/bin/env bash
# Compares cachebench with other clients, on the images of build/images in a real
# registry and in copies of them: with crane (go tool crane) and with skopeo.
# Fails, and names what differs, unless they agree.
#
# usage: internal/imagebuild/compare-clients.sh
#
# See demo-live.sh for the registry and compare.go for what is compared. Where
# skopeo is not installed its package, with those that it needs, is only unpacked,
# to a temporary directory that is gone when the script ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Puts skopeo on PATH.
find_skopeo() {
	if command -v skopeo >/dev/null; then
		return
	fi
	if ! command -v apt-get >/dev/null; then
		echo "compare-clients: install skopeo first" >&2
		return 1
	fi
	echo "compare-clients: skopeo is not installed: unpacking its package to a temporary directory" >&2
	if [ "$(id -u)" = 0 ]; then
		apt-get update -q >&2
	fi
	mkdir -p "$temporary/archives/partial"
	apt-get install -qq --yes --no-install-recommends --download-only \
		-o Debug::NoLocking=true -o Dir::Cache::archives="$temporary/archives" skopeo >&2
	for package in "$temporary"/archives/*.deb; do
		dpkg-deb -x "$package" "$temporary/package"
	done
	# It wants a policy of signatures where it is not installed too.
	cat >"$temporary/skopeo" <<-EOT
		#!/bin/sh
		LD_LIBRARY_PATH=$(echo "$temporary"/package/usr/lib/*-linux-gnu*) exec $temporary/package/usr/bin/skopeo --insecure-policy "\$@"
	EOT
	chmod +x "$temporary/skopeo"
	PATH=$temporary:$PATH
}

find_skopeo
internal/imagebuild/demo-live.sh sh -c 'go run ./internal/imagebuild -out build/images -compare "$REGISTRY"'
