#!/usr/bin/env bash
# Whether a change left every simulated message as it was: the hashes of the traces of a fixed set of simulations.
#
#   scripts/trace-hash.sh FILE           writes the hashes to FILE
#   scripts/trace-hash.sh --check FILE   compares them with those in FILE, and prints which differ
#
# The set has all relay policies, faults, adversaries, a partition, blocks, and small networks drawn from seeds.
# Code that is moved or renamed must not change a hash. The program is built into CARGO_TARGET_DIR if that is set.
# TESTNET names a program that is already built.
#
# Exit status: 0 written, or all are the same; 1 some differ, or a simulation failed; 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"; exit 2; }

case $# in
  1) file=$1 check= ;;
  2) [ "$1" = --check ] || usage; file=$2 check=yes ;;
  *) usage ;;
esac
[ -z "$check" ] || [ -r "$file" ] || { echo "$file can't be read, so nothing was compared"; exit 2; }

testnet=${TESTNET:-}
if [ -z "$testnet" ]; then
  cargo build --release --locked --quiet -p hearsay-testnet
  testnet=${CARGO_TARGET_DIR:-$PWD/target}/release/testnet
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# One simulation: a name, then flags. If it has several seeds, there is a line for each.
one() {
  local name=$1
  shift
  # A broken rule has a trace as well.
  "$testnet" sim --out "$work/run" --json "$work/report.json" "$@" >/dev/null 2>"$work/err" || true
  [ -e "$work/report.json" ] || { cat "$work/err" >&2; exit 1; }
  python3 - "$name" "$work/report.json" <<'PY'
import json, sys
name, path = sys.argv[1:]
report = json.load(open(path))
runs = report.get("runs") or [report]
for number, run in enumerate(runs, 1):
    print(name if len(runs) == 1 else f"{name}-{number}", run["trace_hash"])
PY
  rm -rf "$work/run" "$work/report.json"
}

all() {
  local small=(--nodes 60 --degree 8 --txs 60 --tx-rate 10 --block-interval 2s --seed 7)
  local policy kind
  for policy in author-tree author-tree:redundancy=0.5 flood announce rumor:fanout=3,round=100ms none; do
    one "relay-$policy" "${small[@]}" --relay "$policy"
  done
  for kind in push pull push-pull; do one "digest-$kind" "${small[@]}" --relay none --reconcile-digest "$kind"; done
  one strays "${small[@]}" --stray 0.3 --one-time-authors 0.3
  one bandwidth "${small[@]}" --bandwidth 5mbit --block-bytes 131072 --tx-bytes 4096
  one lossy "${small[@]}" --loss 10%
  one partition "${small[@]}" --partition 1s,4s --drain 60s
  for kind in blocks bursts churn dawdlers lossy partition withholders zipf; do
    one "scenario-$kind" --scenario "testnet/scenarios/$kind.toml" --nodes 40 --seed 3
  done
  for kind in hide hide_late take_grafts backdate forge_tail junk_blocks refused huge_open smear idle one_time decoy split coy repeat fill; do
    one "attacker-$kind" --scenario testnet/scenarios/attackers.toml --nodes 60 --set workload.producers=12 --set "adversaries.$kind=0.1" --seed 5
  done
  one swarm --swarm --seeds 1..60
}

all >"$work/hashes"
if [ -z "$check" ]; then
  cp "$work/hashes" "$file"
  echo "$(wc -l <"$file") traces are in $file"
elif cmp -s "$file" "$work/hashes"; then
  echo "all $(wc -l <"$file") traces are as in $file"
else
  diff "$file" "$work/hashes" | sed -n 's/^[<>] //p' | cut -d' ' -f1 | sort -u
  echo "these traces differ from those in $file"
  exit 1
fi
