#!/bin/sh
# Builds the image of the source tree SOURCE as the OCI layout LAYOUT. The line at the
# end is yours: build here as you build what you release.
#
#     build.sh SOURCE LAYOUT CACHE
#
# A step that runs again has other timestamps, and so makes another layer. CACHE keeps
# the steps of main: it is written where it is not there, and read where it is.
# Attestations hold the time of the build, so that no two images would be the same.
#
# With ko the line is: cd "$1" && ko build --push=false --oci-layout-path="$2" ./cmd/web
set -eu
cache=--cache-to=type=local,mode=max,dest=$3
if [ -d "$3" ]; then
  cache=--cache-from=type=local,src=$3
fi
exec docker buildx build --provenance=false "$cache" --output "type=oci,tar=false,dest=$2" "$1"
