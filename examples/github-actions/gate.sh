#!/bin/sh
# Judges an image against the one before it, in any CI, and exits as cachebench diff
# does: 0 all rules are met, 1 it could not be judged, 2 wrong usage, 3 a rule is not met.
#
#     gate.sh OLD NEW --budget FILE | --gate RULES [more flags of cachebench diff]
#
# It prints the report, whose last line is the verdict for programs, and writes to the
# directory OUT (startup-gate) comment.md, report.txt and diff.json. In GitHub Actions
# it also annotates the run, at most ten times, and writes the step's summary.
#
#   OVERRIDE  who accepts images that break a rule, as "label accepted, set by ann": the
#             exit code is then 0 in place of 3, and comment and summary say who it was;
#             the verdict stays. What could not be judged cannot be accepted.
#   ANNOTATE  the file of the repository that annotations stand on, as Dockerfile
set -u
out=${OUT:-startup-gate}
mkdir -p "$out" || exit 1
rm -f "$out/diff.json" "$out/comment.md" "$out/report.txt" "$out/annotations.txt"

# bounded BYTES: the lines of the input that fit.
bounded() {
  LC_ALL=C awk -v most="$1" '{ n += length($0) + 1; if (n > most) { print "..."; exit } print }'
}

# escaped: the input as the text of a workflow command; property: as a value in one.
escaped() {
  awk '{ gsub(/%/, "%25"); gsub(/\r/, "%0D"); printf "%s%s", (NR > 1 ? "%0A" : ""), $0 }'
}
property() {
  escaped | sed 's/:/%3A/g; s/,/%2C/g'
}

# judge makes the files; $code is what the gate comes to.
judge() {
  # What a kept store knows of a digest says nothing of the blob that lies here.
  cachebench diff "$@" --deep --no-store --quiet --save "$out/diff.json" --output markdown --output-file "$out/comment.md" 2>"$out/errors.txt"
  code=$?
  if [ -s "$out/diff.json" ] &&
    cachebench report "$out/diff.json" --output text --output-file "$out/report.txt" 2>>"$out/errors.txt" &&
    cachebench report "$out/diff.json" --output github --output-file "$out/annotations.txt" 2>>"$out/errors.txt"; then
    verdict=$(tail -n 1 "$out/report.txt")
    case $verdict in
    "verdict: "*) ;;
    *)
      # Without a rule nothing is judged, and nothing may look as if it were.
      echo "no rule was given: name some with --gate or --budget" >>"$out/errors.txt"
      code=2
      unjudged
      ;;
    esac
  else
    unjudged
  fi
  case $code,$verdict in
  0,"verdict: pass "* | 2,* | 3,"verdict: fail "*) ;;
  *) code=1 ;;
  esac
}

# unjudged makes the files of images that could not be read.
unjudged() {
  verdict="verdict: error rules=0 passed=0 failed=0 warned=0 errors=0"
  {
    printf '**The image was not judged.**\n\n'
    bounded 20000 <"$out/errors.txt" | sed 's/^/    /'
    printf '\n<!-- %s -->\n' "$verdict"
  } >"$out/comment.md"
  printf '%s\n' "$verdict" >"$out/report.txt"
  printf '::error title=Image startup::%s\n' "$(head -n 5 "$out/errors.txt" | cut -c1-1000 | escaped)" >"$out/annotations.txt"
}

# accept turns a gate that fails into a warning that names who accepts it.
accept() {
  by=$(printf '%s' "$OVERRIDE" | tr '\r\n' '  ')
  code=0
  { printf '**⚠️ Accepted although a rule is not met: %s.**\n\n' "$by" && cat "$out/comment.md"; } >"$out/accepted.md" &&
    mv "$out/accepted.md" "$out/comment.md"
  { printf 'accepted although a rule is not met: %s\n\n' "$by" && cat "$out/report.txt"; } >"$out/accepted.txt" &&
    mv "$out/accepted.txt" "$out/report.txt"
  sed 's/^::error /::warning /' "$out/annotations.txt" >"$out/warnings.txt" && mv "$out/warnings.txt" "$out/annotations.txt"
}

# show prints the report. On GitHub what an image says of itself must not be taken for
# a command, so that between the annotations and the verdict no line is.
show() {
  if [ "${GITHUB_ACTIONS-}" != true ]; then
    cat "$out/errors.txt" >&2
    cat "$out/report.txt"
    return
  fi
  if [ -n "${ANNOTATE-}" ]; then
    FILE=$(printf '%s\n' "$ANNOTATE" | property) awk '{ i = index($0, " "); print substr($0, 1, i) "file=" ENVIRON["FILE"] "," substr($0, i + 1) }' "$out/annotations.txt"
  else
    cat "$out/annotations.txt"
  fi
  pause=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$pause"
  cat "$out/errors.txt"
  sed '$d' "$out/report.txt"
  printf '::%s::\n%s\n' "$pause" "$verdict"
}

# summarize writes GitHub's summary of the step, which takes 1 MiB.
summarize() {
  {
    cat "$out/comment.md"
    printf '\n<details><summary>The whole report</summary>\n\n'
    sed 's/^/    /' "$out/report.txt" | bounded 900000
    printf '\n</details>\n'
  } >>"$GITHUB_STEP_SUMMARY"
}

judge "$@"
if [ "$code" -eq 3 ] && [ -n "${OVERRIDE-}" ]; then
  accept
fi
bounded 60000 <"$out/comment.md" >"$out/comment.part" && mv "$out/comment.part" "$out/comment.md" # a comment takes 65,536 characters
show
if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then
  summarize
fi
exit "$code"
