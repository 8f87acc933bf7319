#!/usr/bin/env bash
# The long simulations behind the figures that the documents state. Each leaves its output under
# docs/measurements/.
#
#   scripts/prove-sim.sh large        10,000 nodes and 200 transactions; 100,000 nodes and 5
#   scripts/prove-sim.sh million      1,000,000 nodes with 8 neighbours, and 2 transactions; needs some 15 GiB of
#                                     memory
#   scripts/prove-sim.sh table        flood, announce and rumor on 1,000 nodes: latency and bytes beside the
#                                     model's
#   scripts/prove-sim.sh trees        author trees on 1,000 and 10,000 nodes: warm, strays, one-time authors,
#                                     attacks, churn
#   scripts/prove-sim.sh growth       rounds until all nodes know a rumor, from 16 to 65,536 nodes
#   scripts/prove-sim.sh withholders  100 seeds of 1,000 nodes; 30 % announce first and never send
#   scripts/prove-sim.sh attackers    1,000 nodes, a tenth of each attacker alone and 30 % mixed, 20 seeds, in runs
#                                     that resume
#   scripts/prove-sim.sh repair       reconciliation alone on 50 to 800 nodes, by push, pull and push-pull; 30 %
#                                     loss
#   scripts/prove-sim.sh swarm        10,000 small networks with faults and adversaries drawn from the seed, in
#                                     runs that resume
#   scripts/prove-sim.sh reality      50 real nodes and 50 simulated ones, the same graph and load
#   scripts/prove-sim.sh partition-sim  100 seeds of 50 nodes, for a minute in two halves, without loss and with
#                                       30 %
#   scripts/prove-sim.sh spread       nothing relayed: intervals until all of 50 to 1,600 nodes have a transaction
#   scripts/prove-sim.sh members      members: how soon all know of a crash, a join and an entry; idle bytes; false
#                                     deaths; partitions; in runs that resume
#   scripts/prove-sim.sh detectors    swim, phi and foca: how soon a crash is known, and how many members that run are
#                                     taken for dead, over loss and pauses; in runs that resume
#   scripts/prove-sim.sh values       100 members set a value every 10 s: by push, pull and push-pull, as news and without
#   scripts/prove-sim.sh fanout       1,000 members: a crash and an entry, by gossip-nodes and by gossip-interval
#   scripts/prove-sim.sh aggregates   push-sum on 16 to 100,000 members, and with 30 % loss and 10 % churn; estimates of
#                                     the size
#   scripts/prove-sim.sh liars        members that lie about members: 300 with each kind of lie, up to an hour, and
#                                     clocks that jump; in runs that resume
#   scripts/prove-sim.sh all          all but million
#
# members, detectors and liars take at most SEEDS_MOST seeds of each case if that is set. Seeds that are done are not
# run again.
#
# With --dry-run after the name it only prints what it would do. Programs are built into CARGO_TARGET_DIR if that
# is set.
#
# Exit status: 0 all went well, 1 something failed, 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=docs/measurements
target=${CARGO_TARGET_DIR:-$PWD/target}
testnet=$target/release/testnet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# This is asked before the first output is overwritten.
commit=$(git describe --always --dirty 2>/dev/null || echo 'no commit')
swarm_rows=$target/swarm/$commit

# The place and the commit of the measurement: the first lines of each kept output.
about() {
  echo "# $1"
  echo "# $commit · $(nproc) cores · Linux $(uname -r | cut -d- -f1) · $(rustc --version)"
}

# A simulation whose tables are shown; its directory is $work/NAME.
simulate() {
  local name=$1
  shift
  echo
  echo "\$ testnet sim $*"
  "$testnet" sim --out "$work/$name" --json "$work/$name.json" "$@" 2>"$work/$name.err" || { cat "$work/$name.err"; return 1; }
}

large() {
  about "as many nodes as one thread simulates"
  simulate ten --nodes 10000 --degree 8 --relay announce --txs 200 --seed 7
  simulate hundred --nodes 100000 --degree 8 --relay announce --txs 5 --seed 7
}

million() {
  about "a million nodes"
  simulate million --nodes 1000000 --degree 8 --relay announce --txs 2
}

# The items that relay doesn't bring, by each digest; and three of ten messages lost.
repair() {
  about "reconciliation: nothing relayed, the textbook's three digests; 30 % loss with relay on"
  local digest loss
  for digest in push pull push-pull; do
    simulate "digest-$digest" --nodes 200 --degree 8 --relay none --reconcile-digest "$digest" --txs 20 --tx-rate 10 --drain 60s \
      --checks none | grep -E "^[$] |to all nodes|per delivery|offered|^ transactions  "
  done
  for loss in 0 0.3; do
    simulate "loss-$loss" --nodes 100 --degree 8 --txs 300 --tx-rate 10 --drain 60s --set "faults.loss=$loss" --checks none |
      grep -E "^[$] |to each node|to all nodes|wire bytes|offered|^ transactions  |messages"
  done
}

# The world of the model: 1,000 nodes, 8 neighbours, six regions, 20 % jitter, 256-byte items.
model=(--nodes 1000 --degree 8 --wan regions --jitter 20% --txs 200 --tx-bytes 256)

table() {
  about "author-tree, flood, announce and rumor on 1,000 nodes: latency as a multiple of the shortest path, bytes as one of the payload"
  local policy number=0 alone
  for policy in author-tree flood announce \
    rumor:fanout=3,round=100ms rumor:fanout=3,round=100ms,feedback=off \
    rumor:fanout=3,round=20ms rumor:fanout=3,round=20ms,feedback=off; do
    number=$((number + 1))
    # The textbook's rumor is alone.
    alone=()
    case $policy in rumor:*) alone=(--reconcile-interval 0s) ;; esac
    simulate "table-$number" "${model[@]}" --relay "$policy" "${alone[@]}" >/dev/null
  done
  python3 - "$work" <<'PY'
import glob, json, sys
rows = [("", "stretch p50", "stretch p95", "bytes over payload", "bodies per delivery", "coverage")]
for path in sorted(glob.glob(sys.argv[1] + "/table-*.json")):
    run = json.load(open(path))
    tx, cost = run["tx"], run["cost"]
    figures = [tx["stretch"]["p50"], tx["stretch"]["p95"], cost["wire_ratio"], 1 + tx["redundancy"]]
    rows.append((run["relay"], *("%.2f" % figure for figure in figures), "%.6f" % tx["coverage"]))
widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
for row in rows:
    print("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))))
PY
}

# One row of the table of trees: its name, then flags in addition to those of the model.
tree() {
  local name=$1
  shift
  printf '%s\t' "$name" >>"$work/trees"
  simulate tree --wan regions --jitter 20% --tx-bytes 256 --degree 8 --tx-rate 10 --checks none "$@" >/dev/null
  python3 - "$work/tree.json" >>"$work/trees" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
tx, warm, cost = run["tx"], run["tx"]["warm"], run["cost"]
cell = lambda value, form="%.2f": "-" if value is None else form % value
print("\t".join([cell(tx["stretch"]["p95"]), cell(warm["stretch"]["p95"]), cell(tx["latency_ms"]["p95"], "%.0f"), cell(cost["wire_ratio"]),
    cell(warm["wire_ratio"]), cell(tx["redundancy"]), "%.6f" % tx["coverage"], "%.0f" % run["sim"]["wall_s"]]))
PY
}

trees() {
  about "author trees in six regions with 20 % jitter, 8 neighbours, 256-byte items, 10 a second; stretch over the shortest path"
  local thousand=(--nodes 1000 --txs 200 --seed 7) ten=(--nodes 10000 --txs 200 --seed 7)
  printf 'case\tstretch p95\twarm\tp95 ms\tbytes over payload\twarm\tredundancy\tcoverage\twall s\n' >"$work/trees"
  tree "10 authors" "${thousand[@]}"
  tree "10 authors, 10,000 nodes" "${ten[@]}"
  tree "flood" "${thousand[@]}" --relay flood
  tree "200 authors by Zipf's law" --nodes 1000 --txs 600 --seed 7 --authors 200 --author-skew zipf:1.0
  tree "a fifth strays" "${thousand[@]}" --stray 0.2
  tree "a fifth strays, 10,000 nodes" "${ten[@]}" --stray 0.2
  tree "all authors once, at any node" "${thousand[@]}" --one-time-authors 1.0
  tree "all authors once, on 50 nodes" --nodes 50 --txs 1000 --seed 7 --one-time-authors 1.0
  tree "redundancy 0.5" "${thousand[@]}" --relay author-tree:redundancy=0.5
  tree "redundancy 1" "${thousand[@]}" --relay author-tree:redundancy=1
  tree "30 % push 29 ms late" "${thousand[@]}" --set adversaries.dawdle=0.3
  tree "10 % put all on new routes" "${thousand[@]}" --set adversaries.mark=0.1
  tree "10 % flood one-time authors" "${thousand[@]}" --set adversaries.one_time=0.1 --set adversaries.rate=0.5
  tree "10 % prune and graft at random" "${thousand[@]}" --set adversaries.meddle=0.1
  tree "10 % churn a minute" --nodes 1000 --duration 60s --drain 20s --seed 7 --set faults.churn=0.1
  column -t -s "$(printf '\t')" "$work/trees"
}

growth() {
  about "rounds until everyone knows a rumor"
  simulate growth --scenario testnet/scenarios/growth.toml --sweep 'nodes=16..65536*2'
  cp "$work/growth/growth.svg" "$keep/sim-growth.svg"
}

# One run of the experiment: seed and share of withholders; a row of figures.
one_of_withholders() {
  local out
  out=$(mktemp -d -p "$work")
  "$testnet" sim --scenario testnet/scenarios/withholders.toml --set "adversaries.withhold=$2" --seed "$1" \
    --out "$out/run" >/dev/null 2>"$out/err" || { cat "$out/err" >&2; return 1; }
  python3 - "$out/run" "$1" "$2" <<'PY'
import csv, json, sys
run_dir, seed, share = sys.argv[1:]
run = json.load(open(run_dir + "/report.json"))
order, latencies = {}, []
for row in csv.DictReader(open(run_dir + "/deliveries.csv")):
    if order.setdefault(row["item"], len(order)) >= 20 and row["latency_ms"]:
        latencies.append(float(row["latency_ms"]))
latencies.sort()
rank = lambda share: latencies[max(0, -(-len(latencies) * share // 100) - 1)]
tx, sim = run["tx"], run["sim"]
print(seed, share, rank(50), rank(95), rank(99), tx["latency_ms"]["p95"], tx["expected"] - tx["delivered"], sim["unreachable"], sim["violations_found"])
PY
  rm -rf "$out"
}

withholders() {
  about "30 % of 1,000 nodes announce every item first and never send it; 100 items at 10 a second, 100 seeds"
  export -f one_of_withholders
  export work testnet
  for seed in $(seq 1 100); do echo "$seed 0"; echo "$seed 0.3"; done |
    xargs -P "$(nproc)" -L 1 bash -c 'set -euo pipefail; one_of_withholders "$@"' one >"$work/rows"
  python3 - "$work/rows" <<'PY'
import sys
rows = [line.split() for line in open(sys.argv[1])]
clean = {row[0]: row for row in rows if row[1] == "0"}
bad = {row[0]: row for row in rows if row[1] != "0"}
def spread(values):
    values = sorted(values)
    return "%.2f median, %.2f lowest, %.2f highest" % (values[len(values) // 2], values[0], values[-1])
print("seeds:", len(bad), "with withholders,", len(clean), "without")
for at, name in ((2, "p50"), (3, "p95"), (4, "p99")):
    print(f"{name} after the 20th item, over the clean run's: ", spread(float(bad[s][at]) / float(clean[s][at]) for s in bad))
print("p95 of all items, over the clean run's:       ", spread(float(bad[s][5]) / float(clean[s][5]) for s in bad))
print("clean p95 after the 20th item, ms:            ", spread(float(clean[s][3]) for s in bad))
print("deliveries that never came, all seeds:        ", sum(int(bad[s][6]) for s in bad))
print("of these, to nodes without an honest path:    ", sum(int(bad[s][7]) for s in bad))
print("violations, all runs:                         ", sum(int(row[8]) for row in rows))
PY
}

# The attackers by name, and the number of each in a thousand nodes. Attacks that only producers can make are made
# by a third of thirty. The mix has three hundred attackers, and a third of the producers.
attackers_alone=(hide hide_late take_grafts backdate forge_tail junk_blocks refused huge_open smear idle one_time decoy split coy repeat fill)
# Some attackers write valid items, which count as payload. Their bytes are compared with those of a network without
# attackers in which honest authors write as much: transactions of 256 bytes in place of N items of 171 bytes. An
# attacker writes for 7 of 8 seconds. Authors that write once: 100 nodes with one item in 2 s, N = 300, and in the mix
# 30 nodes with two a second, N = 450. Refused: of the items of an author with one nonce two are valid, N = 200 and 60.
attackers_writing=(refused one_time mixed)
attackers_seeds=20 attackers_time=$((80 * 60)) attackers_rows=$target/attackers/$commit

# The scenario's keys for one case.
attackers_keys() {
  local kind
  case $1 in
    clean) ;;
    clean_refused) echo "--set workload.txs=214 --set workload.tx_rate=26.75 --set workload.authors=120 --set mempool_bytes=1048576" ;;
    clean_one_time) echo "--set workload.txs=280 --set workload.tx_rate=35 --set workload.one_time_authors=0.714 --set mempool_bytes=1048576" ;;
    clean_mixed) echo "--set workload.txs=421 --set workload.tx_rate=52.625 --set workload.one_time_authors=0.81 --set mempool_bytes=1048576" ;;
    mixed)
      for kind in hide hide_late take_grafts backdate forge_tail junk_blocks refused huge_open smear idle one_time; do
        case $kind in hide*) echo "--set adversaries.$kind=0.015" ;; *) echo "--set adversaries.$kind=0.03" ;; esac
      done
      echo "--set mempool_bytes=1048576"
      echo "--set adversaries.decoy=0.003 --set adversaries.split=0.003 --set adversaries.coy=0.002 --set adversaries.repeat=0.001 --set adversaries.fill=0.001"
      ;;
    # These attackers send valid items as well. Small mempools would be full of them and shed honest items, as
    # they should. Fewer of them are sent, because a thousand nodes check each one.
    refused | one_time) echo "--set adversaries.$1=0.1 --set adversaries.rate=0.5 --set mempool_bytes=1048576" ;;
    decoy | split | coy | repeat | fill) echo "--set adversaries.$1=0.01" ;;
    *) echo "--set adversaries.$1=0.1" ;;
  esac
}

# One run: case and seed; a row of figures, kept below the target directory. It begins nothing when the time is
# over.
one_of_attackers() {
  local row=$attackers_rows/$1-$2 out
  [ ! -e "$row" ] && [ "$(date +%s)" -lt "$attackers_until" ] || return 0
  out=$(mktemp -d -p "$work")
  # A violation is a row as well. If there is no report, something else is wrong.
  "$testnet" sim --scenario testnet/scenarios/attackers.toml $(attackers_keys "$1") --seed "$2" \
    --out "$out/run" >/dev/null 2>"$out/err" || true
  [ -e "$out/run/report.json" ] || { cat "$out/err" >&2; return 1; }
  python3 - "$out/run" "$1" "$2" >"$out/row" <<'PY'
import csv, json, sys
run_dir, case, seed = sys.argv[1:]
run = json.load(open(run_dir + "/report.json"))
sim, tx, block, cost = run["sim"], run["tx"], run["block"], run["cost"]
order, latencies = {}, []
for row in csv.DictReader(open(run_dir + "/deliveries.csv")):
    if row["kind"] == "tx" and order.setdefault(row["item"], len(order)) >= 20 and row["latency_ms"]:
        latencies.append(float(row["latency_ms"]))
latencies.sort()
delivered = tx["delivered"] + block["delivered"]
honest = run["nodes"] - sim["adversaries"]
print(json.dumps({
    "case": case, "seed": int(seed), "adversaries": sim["adversaries"], "p95": latencies[-(-len(latencies) * 95 // 100) - 1],
    "missing": tx["expected"] - tx["delivered"] - sim["unreachable"], "unreachable": sim["unreachable"], "tips": sim["tips"],
    "bytes": cost["wire_bytes_per_delivery"] * delivered / honest,
    "signatures": sim["signatures"] / honest, "left": sim["left"], "wall_s": sim["wall_s"],
    "violations": sim["violations_found"], "first": [broken["what"] for broken in sim["violations"][:1]], "repeat": sim["repeat"],
}))
PY
  mv "$out/row" "$row"
  rm -rf "$out"
}

# Makes the rows that this commit doesn't have yet, seed by seed.
attackers_run() {
  local seed name have want began=$SECONDS before
  case $commit in *-dirty | 'no commit') echo "attackers: rows are kept by commit, so commit first" >&2; return 1 ;; esac
  mkdir -p "$attackers_rows"
  before=$(ls "$attackers_rows" | wc -l)
  attackers_until=$(($(date +%s) + attackers_time))
  export -f one_of_attackers attackers_keys
  export work testnet attackers_rows attackers_until
  for seed in $(seq 1 "$attackers_seeds"); do
    for name in clean "${attackers_writing[@]/#/clean_}" "${attackers_alone[@]}" mixed; do echo "$name $seed"; done
  done | xargs -P "$(nproc)" -L 1 bash -c 'set -euo pipefail; one_of_attackers "$@"' one
  have=$(ls "$attackers_rows" | wc -l) want=$(((${#attackers_alone[@]} + ${#attackers_writing[@]} + 2) * attackers_seeds))
  echo "attackers: $have of $want runs are there, $((have - before)) of them made in $((SECONDS - began)) s" >&2
  [ "$have" -ge "$want" ] || { echo "attackers: run this again to go on" >&2; return 1; }
}

attackers() {
  about "1,000 nodes: a tenth of them attack alone, or a third of the 30 producers; 30 % mixed; 80 transactions and 8 blocks, $attackers_seeds seeds"
  python3 - "$attackers_rows" <<'PY'
import glob, json, sys
rows = [json.loads(line) for path in sorted(glob.glob(sys.argv[1] + "/*-*")) for line in open(path)]
clean = {row["seed"]: row for row in rows if row["case"] == "clean"}
alike = {(row["case"].removeprefix("clean_"), row["seed"]): row for row in rows if row["case"].startswith("clean_")}
rows = [row for row in rows if not row["case"].startswith("clean_")]
cases = list(dict.fromkeys(row["case"] for row in sorted(rows, key=lambda row: (row["case"] == "mixed", row["case"])) if row["case"] != "clean"))
table, missed = [("adversary", "coverage", "tips", "p95 ratio", "highest", "bytes ratio", "highest", "signatures", "violations", "verdict")], []
for case in cases:
    runs = [row for row in rows if row["case"] == case and row["seed"] in clean]
    median = lambda values: sorted(values)[len(values) // 2]
    p95 = [run["p95"] / clean[run["seed"]]["p95"] for run in runs]
    size = [run["bytes"] / alike.get((case, run["seed"]), clean[run["seed"]])["bytes"] for run in runs]
    work = [run["signatures"] / clean[run["seed"]]["signatures"] for run in runs]
    missing, tips = sum(run["missing"] for run in runs), max(run["tips"] for run in runs)
    found = sum(1 for run in runs if run["violations"])
    most = 2.0 if case == "mixed" else 1.5
    why = [word for word, bad in (("coverage", missing), ("tips", tips != 1), ("p95", max(p95) > most), ("bytes", max(size) > 2), ("violations", found)) if bad]
    missed += [case] if why else []
    table.append((case, "1.0" if not missing else "%d missing" % missing, str(tips), "%.2f" % median(p95), "%.2f" % max(p95),
        "%.2f" % median(size), "%.2f" % max(size), "%.2f" % median(work), str(found), "holds" if not why else "missed: " + ", ".join(why)))
widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
for row in table:
    print("  ".join(cell.rjust(width) if 0 < at < len(row) - 1 else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths))).rstrip())
print()
for row in rows:
    if row["violations"]:
        print(f"{row['repeat']}: {row['violations']} violations, first:", *row["first"])
print("coverage, tips and violations are of all seeds, signatures the median of checks over the clean run's; wall time of all runs: %.0f s" % sum(row["wall_s"] for row in rows))
verdict = "all attackers hold" if not missed else "missed by " + ", ".join(missed)
print(f"attackers: {len(cases)} cases, {len(clean)} seeds, {len(rows)} runs: {verdict}")
sys.exit(1 if missed else 0)
PY
}

# The number of all seeds, that of one part, and the time after which a run begins no other part. 80 minutes and
# one part are below 90.
swarm_seeds=10000 swarm_part=250 swarm_time=$((80 * 60))

# Runs the parts of which this commit has no rows yet. A row for each network is kept below the target directory.
# If a run was stopped, or stopped itself because its time was over, the next run continues.
swarm_parts() {
  local from to rows began=$SECONDS at
  case $commit in *-dirty | 'no commit') echo "swarm: its parts are kept by commit, so commit first" >&2; return 1 ;; esac
  mkdir -p "$swarm_rows"
  for from in $(seq 1 "$swarm_part" "$swarm_seeds"); do
    to=$((from + swarm_part - 1)) rows=$swarm_rows/$from-$((from + swarm_part - 1))
    [ ! -e "$rows" ] || continue
    if [ $((SECONDS - began)) -gt "$swarm_time" ]; then
      echo "swarm: $((from - 1)) of $swarm_seeds networks are done: run this again to go on" >&2
      return 1
    fi
    at=$SECONDS
    # A broken rule is a row as well. If there is no report, something else is wrong.
    rm -f "$work/part.json"
    "$testnet" sim --swarm --seeds "$from..$to" --out "$work/part" --json "$work/part.json" >/dev/null 2>"$work/err" ||
      grep -A1 violations "$work/err" >&2 || true
    [ -e "$work/part.json" ] || { cat "$work/err" >&2; return 1; }
    python3 - "$work/part.json" >"$work/rows" <<'PY'
import json, sys
for run in json.load(open(sys.argv[1]))["runs"]:
    sim, faults = run["sim"], run["sim"]["options"]["faults"]
    print(json.dumps({
        "nodes": run["nodes"], "relay": run["relay"].split(":")[0], "blocks": bool(run["block"]["offered"]),
        "adversaries": bool(sim["adversaries"]), "faults": sorted(name for name in faults if faults[name]),
        "messages": sim["messages"], "lost": sim["messages_lost"], "violations": sim["violations_found"],
        "first": [broken["what"] for broken in sim["violations"][:1]], "repeat": sim["repeat"],
    }))
PY
    mv "$work/rows" "$rows"
    at=$((SECONDS - at))
    echo "$swarm_part $at" >>"$swarm_rows/times"
    echo "swarm: $to of $swarm_seeds networks, the last $swarm_part in $at s, $((swarm_part * 10 / (at + 1))) in 10 s" >&2
  done
}

swarm() {
  about "small networks with loads, faults and adversaries drawn from the seed, all checkers watching"
  echo
  echo "\$ testnet sim --swarm --seeds 1..$swarm_seeds, in parts of $swarm_part"
  python3 - "$swarm_rows" <<'PY'
import glob, json, sys
runs = [json.loads(line) for path in glob.glob(sys.argv[1] + "/*-*") for line in open(path)]
broken = [run for run in runs if run["violations"]]
count = lambda figure: sum(1 for run in runs if figure(run))
print(len(runs), "networks of", min(run["nodes"] for run in runs), "to", max(run["nodes"] for run in runs), "nodes")
for relay in ("author-tree", "announce", "flood", "rumor"):
    print(f"  {relay}:", count(lambda run: run["relay"] == relay))
print("  with blocks:", count(lambda run: run["blocks"]))
print("  with adversaries:", count(lambda run: run["adversaries"]))
for fault in ("loss", "duplicate", "reorder", "churn", "crashes", "slow", "partition"):
    print(f"  with {fault}:", count(lambda run: fault in run["faults"]))
print("messages:", sum(run["messages"] for run in runs), "of which lost:", sum(run["lost"] for run in runs))
print("networks in which a rule was broken:", len(broken))
for run in broken:
    print(f"  {run['repeat']}: {run['violations']} times, first:", *run["first"])
times = [tuple(map(int, line.split())) for line in open(sys.argv[1] + "/times")]
rate = sum(count for count, _ in times) / max(1, sum(seconds for _, seconds in times))
print(f"swarm: {len(runs)} networks, {rate:.1f} a second, {len(broken)} broken")
sys.exit(1 if broken else 0)
PY
}

# Convergence over many seeds of one kind of trouble.
converging() {
  local name=$1
  shift
  echo
  echo "\$ testnet sim $*"
  "$testnet" sim "$@" --out "$work/$name" --json "$work/$name.json" >/dev/null 2>"$work/$name.err" || grep -m 3 -A1 violations "$work/$name.err" || true
  python3 - "$work/$name.json" <<'PY'
import json, sys
runs = json.load(open(sys.argv[1]))["runs"]
times = sorted(run["partition"]["converged_after_ms"] for run in runs if run["partition"]["converged_after_ms"] is not None)
rank = lambda share: "%.3f" % (times[max(0, -(-len(times) * share // 100) - 1)] / 1e3)
print(len(runs), "seeds,", len(times), "converged;", sum(1 for run in runs if run["partition"]["same_tips"]), "with the same tips in the end")
if times:
    print("s after the heal: median", rank(50), "p95", rank(95), "slowest", rank(100))
print("deliveries across the partition while it lasted:", sum(run["partition"]["crossed"] for run in runs))
print("coverage, lowest:", "%.6f" % min(run["tx"]["coverage"] for run in runs))
print("messages lost:", sum(run["sim"]["messages_lost"] for run in runs), "of", sum(run["sim"]["messages"] for run in runs))
print("runs in which a checker found something:", sum(1 for run in runs if run["sim"]["violations_found"]))
PY
}

partition_sim() {
  about "50 nodes, for a minute in two halves of 25; 100 seeds"
  local trouble=(--nodes 50 --degree 8 --tx-rate 10 --block-interval 5s --partition 10s,60s --duration 80s --drain 60s --checks converged --seeds 1..100)
  converging whole "${trouble[@]}"
  converging lossy "${trouble[@]}" --loss 30%
}

# Nothing is relayed: how far reconciliation alone has brought a transaction after each of its intervals.
spread() {
  about "nothing relayed: intervals of 1 s until all nodes have a transaction by reconciliation"
  simulate spread --degree 8 --relay none --interval 1s --txs 20 --tx-rate 10 --drain 60s --checks converged --sweep nodes=50..1600*2
  cp "$work/spread/growth.svg" "$keep/sim-spread-growth.svg"
  cp "$work/spread/spread.svg" "$keep/sim-spread.svg"
}

reality() {
  about "50 real nodes and 50 simulated ones: the same graph, the same transactions at the same nodes"
  local policy
  for policy in announce flood; do
    local load=(--nodes 50 --degree 8 --relay "$policy" --tx-rate 20 --tx-bytes 256 --duration 30s --seed 1)
    "$testnet" run --out "$work/run-$policy" --json "$work/run-$policy.json" "${load[@]}" >/dev/null 2>"$work/err" || { cat "$work/err"; return 1; }
    "$testnet" sim --out "$work/sim-$policy" --json "$work/sim-$policy.json" --wan none "${load[@]}" >/dev/null 2>"$work/err" || { cat "$work/err"; return 1; }
    python3 - "$work/run-$policy.json" "$work/sim-$policy.json" <<'PY'
import json, sys
real, simulated = (json.load(open(path)) for path in sys.argv[1:])
print(real["relay"])
for name, figure in (("wire bytes per delivery", lambda run: run["cost"]["wire_bytes_per_delivery"]), ("redundancy", lambda run: run["tx"]["redundancy"])):
    a, b = figure(real), figure(simulated)
    print(f"  {name:24} real {a:10.3f}  simulated {b:10.3f}  difference {b - a:+.3f}" + (f" ({100 * (b / a - 1):+.1f} %)" if a else ""))
PY
  done
}

# The cases of members, the seeds of each, and the flags. A case is a directory of rows below the target directory.
seeds_most=${SEEDS_MOST:-1000}
members_time=$((80 * 60)) members_rows=$target/members/$commit
members_most=${MEMBERS_MOST:-3000}
members_cases() {
  local news="--kill 1 --join 1 --set-entry 1 --settle 70s --duration 20s --drain 45s"
  local trouble="--pause-for 1s..8s --pause-every 1m --one-way 1% --drain 1m" idle="--duration 10m --drain 1s" nodes
  echo "lan 100 --nodes 1000 $news"
  echo "wan 100 --nodes 1000 --preset wan $news"
  for nodes in 100 1000 "$members_most"; do
    echo "idle-$nodes 3 --nodes $nodes --preset wan $idle"
    echo "idle-$nodes-lossy 3 --nodes $nodes --preset wan $idle --loss 5%"
  done
  echo "halves 20 --nodes 1000 --preset wan --partition 10s,10m --duration 12m --drain 1m"
  echo "cut-off 10 --nodes 200 --preset wan --cut-off 10s,1h --duration 62m --drain 1m"
  echo "two-hours 1 --nodes 1000 --preset wan --duration 2h --loss 10% --pause 5% $trouble"
  echo "two-hours-hard 1 --nodes 1000 --preset wan --duration 2h --loss 20% --pause 10% $trouble"
  echo "day 1 --nodes 200 --preset wan --duration 24h --loss 10% --pause 5% $trouble"
}

# One run: case and seed; a row, kept below the target directory. It begins nothing when the time is over.
one_row() {
  local row=$rows/$1-$2 out flags
  [ ! -e "$row" ] && [ "$(date +%s)" -lt "$rows_until" ] || return 0
  out=$(mktemp -d -p "$work")
  flags=$("$rows_of" | sed -n "s/^$1 [0-9]* //p")
  "$testnet" sim --members $flags --checks none --seed "$2" --out "$out/run" >/dev/null 2>"$out/err" ||
    { cat "$out/err" >&2; return 1; }
  python3 - "$out/run/report.json" "$1" "$2" >"$out/row" <<'PY'
import json, sys
path, case, seed = sys.argv[1:]
run = json.load(open(path))
print(json.dumps({"case": case, "seed": int(seed), "wall_s": run["sim"]["wall_s"], "repeat": run["sim"]["repeat"], **run["members"]}))
PY
  mv "$out/row" "$row"
  rm -rf "$out"
}

# Makes the rows of some cases that this commit doesn't have yet: the first seed of each case, then the second, and so
# on. $1 is the function that prints the cases, $2 the directory of the rows.
make_rows() {
  local have want
  case $commit in *-dirty | 'no commit') echo "$1: rows are kept by commit, so commit first" >&2; return 1 ;; esac
  rows_of=$1 rows=$2 rows_until=$(($(date +%s) + members_time))
  mkdir -p "$rows"
  export -f one_row "$rows_of"
  export work testnet rows rows_of rows_until members_most detectors_seeds
  "$rows_of" | while read -r name seeds flags; do
    for seed in $(seq 1 $((seeds < seeds_most ? seeds : seeds_most))); do echo "$name $seed"; done
  done | sort -s -n -k 2,2 | xargs -P "$(nproc)" -L 1 bash -c 'set -euo pipefail; one_row "$@"' one
  want=$("$rows_of" | awk -v most="$seeds_most" '{ sum += $2 < most ? $2 : most } END { print sum }')
  have=$(ls "$rows" | wc -l)
  [ "$have" = "$want" ] || { echo "$1: $have of $want runs are done: run this again to go on" >&2; return 1; }
}

members() {
  about "members: over the seeds of each case, p50, p99 and the slowest of what a seed's 99 % of the members took"
  echo
  members_cases | while read -r name seeds flags; do echo "$name: \$ testnet sim --members $flags --seeds $seeds"; done
  python3 - "$members_rows" <<'PY'
import glob, json, sys
rows = [json.loads(line) for path in glob.glob(sys.argv[1] + "/*") for line in open(path)]
cases = list(dict.fromkeys(row["case"] for row in sorted(rows, key=lambda row: row["case"])))
def over(values):
    values = sorted(float("inf") if value is None else value for value in values)
    rank = lambda percent: values[max(0, -(-len(values) * percent // 100) - 1)]
    return " / ".join("never" if rank(p) == float("inf") else "%.1f" % rank(p) for p in (50, 99, 100))
def times(runs, key, rank="p99"):
    values = [run[key][rank] for run in runs]
    return "-" if all(value is None for value in values) else over([value and value / 1e3 for value in values])
table = [("case", "seeds", "crash s", "join s", "entry s", "healed s", "bytes/s each", "false deaths", "false accusations")]
for case in cases:
    runs = [row for row in rows if row["case"] == case]
    table.append((case, str(len(runs)), times(runs, "detect_ms"), times(runs, "join_ms"), times(runs, "entry_ms"), times(runs, "heal_ms", "max"),
        over([run["bytes_per_s_per_node"] for run in runs]), str(sum(run["false_deaths"] for run in runs)), str(sum(run["false_accusations"] for run in runs))))
widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
print()
for row in table:
    print("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))).rstrip())
of = lambda case: [row for row in rows if row["case"] == case]
worst = lambda case, key, rank="p99": max((float("inf") if run[key][rank] is None else run[key][rank] / 1e3 for run in of(case)), default=float("inf"))
rate = lambda case: max((run["bytes_per_s_per_node"] for run in of(case)), default=float("inf"))
# T of 1,000 members is 12 s.
idle = [case for case in cases if case.startswith("idle")]
rates = [rate(case) for case in idle if not case.endswith("lossy")]
goals = [
    ("a crash is known to 99 % within 2 T + 10 s (34 s), LAN preset", worst("lan", "detect_ms") <= 34),
    ("a join is known to 99 % within 5 s", worst("lan", "join_ms") <= 5),
    ("an entry is known to 99 % within 5 s", worst("lan", "entry_ms") <= 5),
    ("an idle member sends at most 1 KiB/s", all(rate(case) <= 1024 for case in idle)),
    ("within a factor of two from the smallest network to the largest", bool(rates) and max(rates) <= 2 * min(rates)),
    ("no false death in two hours and in a day", bool(of("two-hours") and of("day")) and
        all(run["false_deaths"] == 0 for case in ("two-hours", "day") for run in of(case))),
    ("all alive everywhere 30 s after a partition", worst("halves", "heal_ms", "max") <= 30),
    ("a member that was cut off is back within 60 s", worst("cut-off", "heal_ms", "max") <= 60),
]
print()
for goal, holds in goals:
    print("holds " if holds else "MISSED", goal)
print("wall time of all runs: %.0f s" % sum(row["wall_s"] for row in rows))
sys.exit(0 if all(holds for _, holds in goals) else 1)
PY
}

# The textbook's comparison: three detectors over loss and pauses, with the seeds of each case.
detectors_rows=$target/detectors/$commit detectors_seeds=${DETECTORS_SEEDS:-3}
detectors_cases() {
  local common="--nodes 200 --kill 4 --duration 10m --drain 3m --pause-for 1s..8s --pause-every 1m" preset detector pause loss
  for preset in lan wan; do
    for detector in swim phi foca; do
      for pause in 0 5 10; do
        for loss in 0 5 10 20; do
          echo "$preset-$detector-$pause-$loss $detectors_seeds --preset $preset --detector $detector --pause $pause% --loss $loss% $common"
        done
      done
    done
  done
}

detectors() {
  about "200 members, 10 virtual minutes with 4 crashes, by swim, phi and foca: detection time and false positives over loss and pauses of 1 to 8 s a minute"
  echo
  detectors_cases | head -n 1 | while read -r name seeds flags; do echo "\$ testnet sim --members $flags --seeds $seeds, and so on"; done
  python3 - "$detectors_rows" <<'PY'
import glob, json, sys
rows = [json.loads(line) for path in glob.glob(sys.argv[1] + "/*") for line in open(path)]
seeds = sorted({row["seed"] for row in rows})
print(len(rows), "runs, seeds", seeds[0], "to", seeds[-1])
print("crash: from a crash until half, 99 % or all of the living took the crashed for dead; the median, the slowest and")
print("  the slowest seed. false deaths: how often a member took another one for dead that ran, all seeds together; of: how")
print("  many different members these deaths were about. false suspicions: how often a member that ran was suspected after")
print("  a probe of one's own, all seeds together. bytes/s each: of the median seed; docs/SIMULATION.md says what is counted")
def seconds(values):
    return "never" if None in values else "%.1f" % (max(values) / 1e3)
def median(values):
    values = sorted(float("inf") if value is None else value for value in values)
    middle = values[(len(values) - 1) // 2]
    return "never" if middle == float("inf") else "%.1f" % (middle / 1e3)
def place(case):
    preset, detector, pause, loss = case.split("-")
    return preset, ("swim", "phi", "foca").index(detector), int(pause), int(loss)
cases = sorted({row["case"] for row in rows}, key=place)
for preset in ("lan", "wan"):
    table = [("detector", "paused", "loss", "crash p50 s", "p99 s", "all s", "false deaths", "of", "false suspicions", "refutations", "bytes/s each")]
    for case in cases:
        of, detector, pause, loss = case.split("-")
        if of != preset:
            continue
        runs = [row for row in rows if row["case"] == case]
        total = lambda key: str(sum(run[key] for run in runs))
        crash = lambda rank: [run["detect_ms"][rank] for run in runs]
        bytes_each = sorted(run["bytes_per_s_per_node"] for run in runs)
        table.append((detector, pause + " %", loss + " %", median(crash("p50")), seconds(crash("p99")), seconds(crash("max")),
            total("false_deaths"), total("falsely_dead"), total("false_accusations"), total("refutations"), "%.0f" % bytes_each[(len(bytes_each) - 1) // 2]))
    if len(table) == 1:
        continue
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    print()
    print(preset, "preset")
    for row in table:
        print("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))).rstrip())
print()
print("wall time of all runs: %.0f s" % sum(row["wall_s"] for row in rows))
PY
}

# A sweep over members. Its table is shown, and its picture is kept.
sweep_members() {
  local name=$1
  shift
  echo
  echo "\$ testnet sim --members $*"
  "$testnet" sim --members --checks none --out "$work/$name" "$@" 2>"$work/$name.err" | sed '/^written to/d' ||
    { cat "$work/$name.err"; return 1; }
  cp "$work/$name/sweep.svg" "$keep/sim-$name.svg"
}

values() {
  about "100 members that set values: by the mode of comparisons, with all changes as news (a large budget) and with half of them"
  local load=(--nodes 100 --set-entry 100)
  sweep_members values-news "${load[@]}" --set-entry-every 10s --settle 5m --duration 1m --drain 2m --members-budget 65536 \
    --sweep members.digest=push,pull,push-pull
  # With a budget of 64 bytes, a change of a member is news once in 400 s, so comparisons carry every second one.
  sweep_members values-compared "${load[@]}" --set-entry-every 5m --settle 7m --duration 10m --drain 40m --members-budget 64 \
    --sweep members.digest=push,pull,push-pull
}

fanout() {
  about "1,000 members of random graphs of degree 8, delays of six regions, LAN preset, a crash and 20 entries: by gossip-nodes and by gossip-interval"
  local load=(--nodes 1000 --kill 1 --set-entry 20 --duration 10s --drain 45s --seeds 2)
  sweep_members fanout-nodes "${load[@]}" --sweep members.gossip_nodes=1,2,3,4,6
  sweep_members fanout-interval "${load[@]}" --sweep members.gossip_interval=50ms,100ms,200ms,400ms,800ms
}

# Some goals are missed. The table says which, and the figures are kept all the same.
aggregates() {
  about "aggregates over links: the machines alone, on random regular graphs of degree 8"
  echo
  "$testnet" aggregates --seeds 3 --svg "$keep/sim-aggregates.svg" 2>"$work/err" ||
    [ $? = 1 ] && ! grep '^error' "$work/err"
}

# The cases of liars, the seeds of each, and the flags. Three in ten members lie.
liars_rows=$target/liars/$commit
liars_cases() {
  local lie="--nodes 300 --liars"
  echo "accuse 5 $lie accuse --liars-groups 50 --duration 1h"
  echo "ask 3 $lie ask --duration 1h"
  echo "forge 3 $lie forge --duration 10m"
  echo "replay 3 $lie replay --kill 3 --pause 3 --duration 20m"
  echo "refute 3 $lie refute --duration 30m"
  echo "mute 3 $lie mute --duration 10m"
  echo "fat-entries 3 $lie fat_entries --set-entry 10 --duration 10m"
  echo "invent 3 $lie invent --set-entry 10 --duration 20m"
  echo "all 3 $lie all --liars-groups 50 --invented 1000 --duration 20m --drain 10m"
  echo "clocks 3 --nodes 300 --clock-jumps 30% --clock-jump-by 1h..11h --kill 1 --join 3 --set-entry 3 --duration 10m"
}

liars() {
  about "members that lie about members: the worst of the seeds of each case"
  echo
  liars_cases | while read -r name seeds flags; do echo "$name: \$ testnet sim --members $flags --seeds $seeds"; done
  python3 - "$liars_rows" <<'PY'
import glob, json, sys
rows = [json.loads(line) for path in glob.glob(sys.argv[1] + "/*") for line in open(path)]
cases = list(dict.fromkeys(row["case"] for row in sorted(rows, key=lambda row: row["case"])))
lies = lambda run: run.get("lies") or {}
worst = lambda runs, figure: max(figure(run) for run in runs)
def entry(runs):
    values = [run["entry_ms"]["p99"] for run in runs]
    return "-" if all(value is None for value in values) else "never" if None in values else "%.1f" % (max(values) / 1e3)
table = [("case", "seeds", "false deaths", "false accusations", "honest unknown", "refutations", "B in 10 s", "dials an hour", "forged", "silent dead", "entry s", "KiB held", "bytes/s each")]
for case in cases:
    runs = [row for row in rows if row["case"] == case]
    dead = [lies(run).get("silent_dead") for run in runs if lies(run).get("silent")]
    table.append((case, str(len(runs)), str(sum(run["false_deaths"] for run in runs)), str(sum(run["false_accusations"] for run in runs)),
        str(worst(runs, lambda run: lies(run).get("honest", 0) - lies(run).get("honest_known", 0))),
        str(worst(runs, lambda run: lies(run).get("victim_refutations", 0))), "%.1f" % worst(runs, lambda run: lies(run).get("refuted_bytes_per_10_s", 0.0)),
        str(worst(runs, lambda run: lies(run).get("dials_in_an_hour", 0))), str(worst(runs, lambda run: lies(run).get("forged_held", 0))),
        "%.4f" % min(dead) if dead else "-", entry(runs), "%.0f" % (worst(runs, lambda run: run["state_bytes"]["max"]) / 1024), "%.0f" % worst(runs, lambda run: run["bytes_per_s_per_node"])))
widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
print()
for row in table:
    print("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))).rstrip())
told = [run for run in rows if lies(run)]
goals = [
    ("no honest member was dead for an honest one", all(run["false_deaths"] == 0 for run in rows)),
    ("no honest member accused an honest one", all(run["false_accusations"] == 0 for run in rows)),
    ("in the end all honest members are alive for all", all(lies(run)["honest_known"] == lies(run)["honest"] for run in told)),
    ("refutations take at most 110 bytes in 10 s", all(lies(run)["refuted_bytes_per_10_s"] <= 110 for run in told)),
    ("nobody dials a living member more than 20 times in an hour because of a lie", all(lies(run)["dials_in_an_hour"] <= 20 for run in told)),
    ("nobody holds what an honest member did not sign", all(lies(run)["forged_held"] == 0 for run in told)),
    ("a liar that answers nobody ends dead", all(lies(run)["silent_dead"] == 1 for run in told if lies(run)["silent"])),
    ("membership takes at most 32 MiB", all(run["state_bytes"]["max"] <= 32 << 20 for run in rows)),
]
print()
for goal, holds in goals:
    print("holds " if holds else "MISSED", goal)
print("wall time of all runs: %.0f s" % sum(row["wall_s"] for row in rows))
sys.exit(0 if all(holds for _, holds in goals) else 1)
PY
}

names=(large million table trees growth withholders attackers repair partition-sim spread reality swarm members detectors values fanout aggregates liars)
chosen=()
if [ $# = 1 ] || { [ $# = 2 ] && [ "$2" = --dry-run ]; }; then
  for name in "${names[@]}"; do
    case $1 in
    "$name") chosen+=("$name") ;;
    # A million nodes don't fit into every machine.
    all) [ "$name" = million ] || chosen+=("$name") ;;
    esac
  done
fi
if [ "${#chosen[@]}" = 0 ]; then
  # The head of this file.
  sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"
  exit 2
fi

if [ $# = 2 ]; then
  printf '%s\n' "${chosen[@]}"
  exit
fi
mkdir -p "$keep"
cargo build --release --locked --workspace --quiet
for name in "${chosen[@]}"; do
  [ "$name" != swarm ] || swarm_parts
  [ "$name" != attackers ] || attackers_run
  [ "$name" != members ] || make_rows members_cases "$members_rows"
  [ "$name" != detectors ] || make_rows detectors_cases "$detectors_rows"
  [ "$name" != liars ] || make_rows liars_cases "$liars_rows"
  "${name//-/_}" | tee "$keep/sim-$name.txt"
done
