#!/usr/bin/env bash
# Fuzzing to a fixed number of executions: 10,000,000 of each decoder, 1,000,000 of the tracker and of the engine.
#
#   scripts/fuzz.sh              the remaining executions, for at most 85 minutes; run it again to continue
#   scripts/fuzz.sh TARGET       one of frame, message, transaction, block, sketch, rpc, tracker, engine
#   scripts/fuzz.sh --merge      merges new inputs into the kept corpora: the smallest inputs, up to 64 KiB a
#                                target
#
# The progress is in fuzz/runs/, so a run that was stopped loses only one slice. It needs cargo-fuzz (cargo install
# cargo-fuzz) and a C++ compiler. The stable toolchain is enough. Programs are built into CARGO_TARGET_DIR if that
# is set.
#
# Exit status: 0 all executions done and none failed, 1 one failed (its input is under fuzz/artifacts/), 2 usage, 3
# time is up.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(frame message transaction block sketch rpc tracker engine)
minutes=85
runs_in=$PWD/fuzz/runs
target=${CARGO_TARGET_DIR:-$PWD/fuzz/target}

# For each target: the number of executions, the executions of a slice, and the most bytes of an input. Each slice
# reads the whole corpus first, and libFuzzer counts that as executions. So slices are large.
# The tracker is compared with its naive model after each operation, so its inputs are shorter: some 200 operations.
wanted() {
  case $1 in
    tracker) echo 1000000 50000 600 ;;
    engine) echo 1000000 100000 2000 ;;
    *) echo 10000000 1000000 4096 ;;
  esac
}

usage() { sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"; exit 2; }

# No sanitizer: we have no unsafe code to watch, and without one it is three times as fast.
build() { RUSTC_BOOTSTRAP=1 cargo fuzz build --sanitizer none --target-dir "$target" --fuzz-dir fuzz "$@" >&2; }
program() { echo "$target/$(rustc -vV | sed -n 's/^host: //p')/release/$1"; }

# The number of executions of a target. It starts again only if the folder is removed, and not with a new commit.
done_so_far() { cat "$runs_in/$1/executions" 2>/dev/null || echo 0; }

slice() {
  local name=$1 runs=$2 bytes=$3 before said
  before=$(done_so_far "$name")
  mkdir -p "$runs_in/$name/corpus" "fuzz/artifacts/$name"
  if ! said=$("$(program "$name")" -runs="$runs" -seed=$((before + 1)) -max_len="$bytes" -timeout=20 -rss_limit_mb=4096 \
    -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$name/" "$runs_in/$name/corpus" "fuzz/corpus/$name" 2>&1); then
    tail -40 <<<"$said"
    echo "$name: an input failed after $before executions; it is under fuzz/artifacts/$name"
    exit 1
  fi
  echo $((before + $(sed -n 's/^stat::number_of_executed_units: *//p' <<<"$said"))) >"$runs_in/$name/executions"
}

merge() {
  local name found size total
  for name in "${all[@]}"; do
    [ -d "$runs_in/$name/corpus" ] || continue
    rm -rf "$runs_in/$name/merged"
    mkdir -p "$runs_in/$name/merged"
    "$(program "$name")" -merge=1 "$runs_in/$name/merged" "fuzz/corpus/$name" "$runs_in/$name/corpus" >/dev/null 2>&1
    total=0
    while read -r size found; do
      total=$((total + size))
      [ "$total" -le 65536 ] || break
      cp "$found" "fuzz/corpus/$name/"
    done < <(find "$runs_in/$name/merged" -type f -printf '%s %p\n' | sort -n)
    echo "$name: $(find "fuzz/corpus/$name" -type f | wc -l) inputs kept of $(find "$runs_in/$name/merged" -type f | wc -l)"
  done
}

case $# in
  0) chosen=("${all[@]}") ;;
  1) chosen=("$1") ;;
  *) usage ;;
esac
case " ${all[*]} --merge " in *" ${chosen[0]} "*) ;; *) usage ;; esac
cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is not installed, so nothing was run: cargo install cargo-fuzz"; exit 1; }
if [ "${chosen[0]}" = --merge ]; then
  build
  merge
  exit
fi
build

printf '%-12s %12s %12s %10s\n' target executions wanted 'a second'
late=
for name in "${chosen[@]}"; do
  read -r runs each bytes < <(wanted "$name")
  first=$(done_so_far "$name")
  begin=$SECONDS
  while [ "$(done_so_far "$name")" -lt "$runs" ] && [ "$SECONDS" -lt $((minutes * 60)) ]; do
    slice "$name" "$each" "$bytes"
    [ ! -t 2 ] || printf '\r%s: %s of %s ' "$name" "$(done_so_far "$name")" "$runs" >&2
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
  now=$(done_so_far "$name")
  took=$((SECONDS - begin))
  printf '%-12s %12s %12s %10s\n' "$name" "$now" "$runs" "$([ "$took" -gt 0 ] && echo $(((now - first) / took)) || echo -)"
  [ "$now" -ge "$runs" ] || late=yes
done
if [ -n "$late" ]; then
  echo "time is up, and no input failed so far: run it again to go on"
  exit 3
fi
echo "all executions done: no input failed"
