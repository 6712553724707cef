#!/bin/sh
# Compares this tree's benchmarks with those of the last release: make bench of both, in
# turn on one machine, RUNS times each (5), held against the rules by cachebench compare,
# whose exit code this has. Without a release there is nothing to compare with.
#
#     bench.sh RULES
#
# Written into the directory OUT (build/bench): old.txt, new.txt and compared.md.
set -eu
out=${OUT:-build/bench}
mkdir -p "$out"
out=$(cd "$out" && pwd)
: >"$out/old.txt"
: >"$out/new.txt"

# A release that is this commit is compared with the one before it.
if ! old=$(git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>"$out/errors.txt"); then
  echo "There is no release to compare with." | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
  exit 0
fi
trap 'git worktree remove --force "$out/old"' EXIT
git worktree add --quiet --detach "$out/old" "$old"

# bench ROUND TREE FILE: what is printed beside benchmarks is no error.
bench() {
  echo "round $1 of ${RUNS:-5}: $3" >&2
  make --silent -C "$2" bench >>"$out/$3.txt"
}

round=1
while [ "$round" -le "${RUNS:-5}" ]; do
  # The order changes, so that what drifts on the machine meets both.
  if [ $((round % 2)) -eq 1 ]; then
    bench "$round" "$out/old" old
    bench "$round" . new
  else
    bench "$round" . new
    bench "$round" "$out/old" old
  fi
  round=$((round + 1))
done

# What simulations come to may change with a release, and is told; it takes nothing away
# from what is timed, which is judged.
# Of as many benchmarks as there are, one in twenty would differ significantly by chance.
code=0
cachebench compare "$out/old.txt" "$out/new.txt" --allow missing,model,profile,starts --alpha 0.01 --gate "$1" --output markdown --output-file "$out/compared.md" || code=$?
if [ -s "$out/compared.md" ]; then
  { printf '### Benchmarks beside those of %s\n\n' "$old" && cat "$out/compared.md"; } | head -c 900000 | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
fi
exit "$code"
