#!/bin/sh
# Puts a Markdown file on a pull request as one comment, which later runs replace.
#
#     comment.sh FILE
#
# It asks gh for the comments of the pull request PULL_REQUEST of GITHUB_REPOSITORY. The
# token of a fork's pull request may not write: then the step's summary has it alone.
set -u
mark='<!-- cachebench: image startup -->'
body=$(mktemp) || exit 1
trap 'rm -f "$body"' EXIT
{ printf '%s\n' "$mark" && cat "$1"; } >"$body" || exit 1

# Only the workflow's own comment is replaced, whoever else writes the mark.
ours=$(MARK=$mark gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments?per_page=100" --jq '
  .[] | select(.user.login == "github-actions[bot]" and (.body | startswith(env.MARK))) | .id' | head -n 1)
if [ -n "$ours" ]; then
  set -- --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$ours"
else
  set -- --method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
fi
if gh api --silent "$@" -F "body=@$body"; then
  echo "commented on pull request $PULL_REQUEST"
else
  echo "no comment: the token may not write one, as that of a fork may not; the summary has it"
fi
