#!/bin/sh
# Starts two images in turn, on a containerd of its own on this host, and compares the
# times to ready: as root, with containerd and runc on PATH.
#
#     measure.sh OLD NEW
#
# A shared runner is noisy, so that this is advice, with intervals: the exit code is 0
# whatever came out. With MEASURED_RULES it is judged, and exits as cachebench compare
# does: 0, 1, or 3 when a rule is not met. The output says which of the two it is.
#
#   MEASURED_RULES  rules such as startup-sec:+10%
#   OVERRIDE        who accepts that a rule is not met, as in gate.sh
#   RUNS, SEED      runs of each image (10), and what decides their order (1)
#   READY           what a start is ready by, as --ready of cachebench measure containerd
#   CONTAINERD      the program, where it is not the one on PATH
set -u
out=${OUT:-startup-gate}
mkdir -p "$out" || exit 1
rm -f "$out/measured.json" "$out/measured.md"
rules=${MEASURED_RULES-}

quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# experiment: one app, so that the two compare; an arm for each image. Every round
# starts both, in an order from the seed, so that what drifts on the host meets both.
experiment() {
  cat <<END
apiVersion: cachebench/v1
kind: Experiment
repeats: ${RUNS:-10}
seed: ${SEED:-1}
arms:
- {name: old, starts: [{image: $(quoted "$1"), app: image}]}
- {name: new, starts: [{image: $(quoted "$2"), app: image}]}
END
}

measure() {
  experiment "$1" "$2" >"$out/experiment.yaml" &&
    cachebench measure containerd --experiment "$out/experiment.yaml" --registry embedded --quiet \
      ${CONTAINERD:+--containerd "$CONTAINERD"} ${READY:+--ready "$READY"} --save "$out/measured.json" --output text --output-file "$out/measured-report.txt"
}

# compare holds the arms of the one timeline side by side.
compare() {
  cachebench compare "$out/measured.json" "$out/measured.json" --rename old=new ${rules:+--gate "$rules"} --output markdown --output-file "$out/measured.md"
}

if [ -n "$rules" ]; then
  title="Measured on this runner: judged by $rules"
else
  title="Measured on this runner: advisory, nothing here fails the pull request"
fi
code=1
if measure "$1" "$2" 2>"$out/measured-errors.txt"; then
  compare 2>>"$out/measured-errors.txt"
  code=$?
fi
{
  printf '\n### %s\n\n' "$title"
  if [ -s "$out/measured.md" ]; then
    cat "$out/measured.md"
  else
    echo "It could not be measured:"
    echo
    sed 's/^/    /' "$out/measured-errors.txt"
  fi
  if [ "$code" -eq 3 ] && [ -n "${OVERRIDE-}" ]; then
    printf '\n**⚠️ Accepted although a rule is not met: %s.**\n' "$(printf '%s' "$OVERRIDE" | tr '\r\n' '  ')"
  fi
} >"$out/measured-summary.md"
cat "$out/measured-summary.md"
cat "$out/measured-errors.txt" >&2
if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then
  head -c 900000 "$out/measured-summary.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -z "$rules" ] || { [ "$code" -eq 3 ] && [ -n "${OVERRIDE-}" ]; }; then
  exit 0
fi
exit "$code"
