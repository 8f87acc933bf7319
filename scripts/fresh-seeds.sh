#!/usr/bin/env bash
# The seeds of small networks that the gate draws besides those that it always does: "FROM TO WHY". They follow from the commit's
# hash, so that each commit tries others, and every run of one commit the same. HEARSAY_SWARM_FROM sets the first.
set -euo pipefail
cd "$(dirname "$0")/.."

count=50
# Above all seeds that are given by hand, and no two commits' ranges overlap.
start() { echo $((1000000 + count * $1)); }

if [ -n "${HEARSAY_SWARM_FROM:-}" ]; then
  from=$HEARSAY_SWARM_FROM why="from HEARSAY_SWARM_FROM"
elif commit=$(git rev-parse HEAD 2>/dev/null); then
  from=$(start "16#${commit:0:8}") why="drawn for commit ${commit:0:8}"
else
  from=$(start 0) why="always the same, for there is no commit to draw them for"
fi
echo "$from $((from + count - 1)) $why"
