#!/bin/sh
# Prints who set a label on the pull request, as "label LABEL, set by LOGIN"; nothing
# when it was taken off since the run began.
#
#     accepted.sh LABEL
#
# It reads the events of the pull request PULL_REQUEST of GITHUB_REPOSITORY with gh,
# which any token may; where that fails the label counts, with nobody's name.
set -u
export LABEL="$1"
last=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/events?per_page=100" --jq '
  .[] | select((.event == "labeled" or .event == "unlabeled") and .label.name == env.LABEL)
  | .event + " " + (.actor.login // "an account that is gone")' | tail -n 1)
case $last in
"unlabeled "*) ;;
"labeled "*) printf 'label %s, set by %s\n' "$LABEL" "${last#labeled }" ;;
*) printf 'label %s, set by an account that could not be looked up\n' "$LABEL" ;;
esac
