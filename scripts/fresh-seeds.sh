#!/usr/bin/env bash
# Prints the seeds of small networks that the gate draws besides its fixed ones: "FROM TO WHY". They follow from
# the commit's hash. So each commit tries other seeds, and every run of one commit tries the same.
# HEARSAY_SWARM_FROM sets the first.
set -euo pipefail
cd "$(dirname "$0")/.."

count=50
# Above all seeds that are given by hand. The ranges of two commits don't overlap.
start() { echo $((1000000 + count * $1)); }

if [ -n "${HEARSAY_SWARM_FROM:-}" ]; then
  from=$HEARSAY_SWARM_FROM why="from HEARSAY_SWARM_FROM"
elif commit=$(git rev-parse HEAD 2>/dev/null); then
  from=$(start "16#${commit:0:8}") why="drawn for commit ${commit:0:8}"
else
  from=$(start 0) why="always the same, for there is no commit to draw them for"
fi
echo "$from $((from + count - 1)) $why"
