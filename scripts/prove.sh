#!/usr/bin/env bash
# The long runs behind the figures that the documents state. Each leaves its output under docs/measurements/.
#
#   scripts/prove.sh fifty       50 nodes, 20 transactions a second for 30 s, a block every 5 s
#   scripts/prove.sh flood       the same by flooding
#   scripts/prove.sh kill        the same, and 10 of the 50 are killed during the load
#   scripts/prove.sh bootstrap   20 nodes find each other through one, which is then killed
#   scripts/prove.sh netns       two nodes in their own network namespaces (needs root and iproute2)
#   scripts/prove.sh nat         two nodes behind routers that translate addresses, and a relay: a circuit, a hole, the
#                                relay gone (needs root, iproute2 and nftables)
#   scripts/prove.sh compare     Hearsay and gossipsub on 50 nodes: three workloads, three rounds; the README's
#                                table
#   scripts/prove.sh busy        the same at 200 transactions a second, with one workload
#   scripts/prove.sh links       the same with 50 ms between any two nodes
#   scripts/prove.sh blocks      blocks of 128 KiB and 1 MiB over six regions with 50 Mbit/s a node
#   scripts/prove.sh headers     each engine's bytes with TCP/IP headers (needs root and iproute2)
#   scripts/prove.sh capacity    the highest rate that each engine carries
#   scripts/prove.sh kill-nine   a loaded node is killed 1,000 times: everything it acknowledged is there
#   scripts/prove.sh join        a node joins 50 that hold 5,000 blocks and 20,000 pending transactions
#   scripts/prove.sh reconcile   the cost of the reconciliation of two sets, by sketch and by ranges
#   scripts/prove.sh verify      the cost of a signature check, alone and in batches
#   scripts/prove.sh store       the cost of keeping everything on disk: latency, processor time, and the highest
#                                rate
#   scripts/prove.sh partition   50 nodes over six regions, for a minute in two halves: how long until all nodes
#                                agree again
#   scripts/prove.sh members-relay  the relay with membership and without, 50 nodes, in turn
#   scripts/prove.sh tracing     what it costs that a node remembers the ways of items and tells a reader each event:
#                                latency, processor time, memory. TRACING_ROUNDS=2 TRACING_TIME=5s make a short try,
#                                which is not kept
#   scripts/prove.sh eighth      an eighth of 50 nodes is killed at once: the 20 items after that, with membership and
#                                without, on real nodes and on 1,000 simulated ones
#   scripts/prove.sh plateau     an hour at 60 transactions a second on 20 nodes: memory stays within 96 MiB and is
#                                flat at the end, and so are descriptors and threads
#   scripts/prove.sh rpc-flood   100 clients call one of 20 nodes in a loop: the p95 at the others, with and without
#   scripts/prove.sh scrape      the metrics of 50 nodes are read each second: processor time, with and without
#   scripts/prove.sh memory-cost  what --memory 64MiB costs beside 1GiB: transactions dropped and received again, the
#                                memory taken, the time of a restart (10 minutes)
#   scripts/prove.sh field       nodes as they are in the field: addresses, names, keys, pauses, floods, kills
#                                (some need root)
#   scripts/prove.sh eclipse     an attacker with most of the addresses wants all of a node's outbound peers: 1,000
#                                seeds, virtual time
#   scripts/prove.sh attack      nine attacks on four nodes in network namespaces; the last line sums them up
#                                (needs root, iproute2, python3)
#   scripts/prove.sh fuzz        10,000,000 executions of each decoder, 1,000,000 of the tracker and of the engine
#                                (needs cargo-fuzz)
#   scripts/prove.sh commands    every command of the documents, the help texts and the scripts' heads, including
#                                the long ones
#   scripts/prove.sh all         all of these, except fuzz and commands
#
# With --dry-run after the name it only prints what it would do. Programs are built into CARGO_TARGET_DIR if that
# is set. With NODE=FILE, bootstrap, netns and nat use this program, and build none.
#
# Exit status: 0 all went well, 1 something failed, 2 usage, 3 time is up (fuzz), and the next run continues.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=docs/measurements
target=${CARGO_TARGET_DIR:-$PWD/target}
node=${NODE:-$target/release/node}
testnet=$target/release/testnet
proofs=$(mktemp -d)
trap 'rm -rf "$proofs"' EXIT
trap 'exit 130' INT TERM

build() { [ -n "${NODE:-}" ] || cargo build --release --locked --workspace --quiet; }

# This is asked before the first output is overwritten.
commit=$(git describe --always --dirty 2>/dev/null || echo 'no commit')

# The place and the commit of the measurement: the first lines of each kept output.
about() {
  echo "# $1"
  echo "# $commit · $(nproc) cores · Linux $(uname -r | cut -d- -f1) · $(rustc --version)"
}

# A run of the instrument. Its tables are kept, its directory is not.
instrument() {
  local name=$1 out
  shift
  out=$(mktemp -d)
  { about "testnet run $*"; "$testnet" run --out "$out/run" "$@" 2>&1; } | sed "s#$out#OUT#g" | tee "$keep/$name.txt"
  cp "$out/run/report.json" "$keep/$name.json"
  cp "$out/run/cdf.svg" "$keep/$name.svg"
  rm -rf "$out"
}

# A comparison. Its table, its reports and its picture are kept.
compare() {
  local name=$1 out
  shift
  out=$(mktemp -d)
  { about "testnet compare $*"; "$testnet" compare --out "$out/run" --json "$keep/$name.json" "$@" 2>"$out/err" || tail -5 "$out/err"; } |
    sed "s#$out#OUT#g" | tee "$keep/$name.txt"
  cp "$out/run/compare.svg" "$keep/$name.svg"
  rm -rf "$out"
}

# A search for the highest rate. Its table is shown, its directory is not kept.
search() {
  local out
  out=$(mktemp -d)
  "$testnet" run --find-capacity --degree 8 --out "$out/run" "$@" 2>/dev/null | sed "s#$out#OUT#g"
  rm -rf "$out"
}

rivals=(--engines hearsay,gossipsub,gossipsub-signed)
everything() { compare compare "${rivals[@]}" --relay announce,author-tree --tx-rate 20 --duration 10s --rounds 3; }
busy() { compare compare-200 "${rivals[@]}" --relay author-tree --tx-rate 200 --duration 10s --rounds 3 --workloads plain; }
links() { compare compare-links --engines hearsay,gossipsub --relay author-tree --wan uniform:50ms --duration 15s --rounds 2 --workloads plain; }
blocks() {
  local bytes
  for bytes in 131072 1048576; do
    compare "compare-blocks-$bytes" --engines hearsay,gossipsub --relay author-tree --wan regions --bandwidth 50mbit --tx-rate 0 \
      --tx-bytes 16384 --block-interval 5s --block-bytes "$bytes" --duration 40s --drain 15s --rounds 1 --workloads plain
  done
}

# The count of the loopback device, including TCP/IP headers, acknowledgements and Ethernet's 14 bytes a packet. It
# is the difference between 20 transactions a second and one a second, so that starting and idling cancel out. It
# includes submissions by RPC: one for 49 deliveries. It needs root, for a network namespace.
headers() {
  about "bytes on the loopback device for each delivery of 256 bytes: testnet run --nodes 50 --degree 8 --ephemeral --duration 30s, at 20/s less at 1/s"
  local engine rate
  for engine in hearsay gossipsub gossipsub-signed; do
    for rate in 1 20; do
      # The inner shell expands them.
      # shellcheck disable=SC2016
      unshare --net bash -c 'ip link set lo up; "$@" >/dev/null 2>&1; sed -n "s/^ *lo: *//p" /proc/self/net/dev' one \
        "$testnet" run --nodes 50 --degree 8 --ephemeral --engine "$engine" --tx-rate "$rate" --duration 30s --out "$work/headers-$rate" --json "$work/headers-$rate.json" \
        >"$work/headers-$rate.lo"
    done
    python3 - "$engine" "$work" <<'PY'
import json, sys
engine, work = sys.argv[1:]
def figures(rate):
    counted = open(f"{work}/headers-{rate}.lo").read().split()
    return int(counted[0]), int(counted[1]), json.load(open(f"{work}/headers-{rate}.json"))
(low, few, idle), (high, many, run) = figures(1), figures(20)
deliveries = run["tx"]["delivered"] - idle["tx"]["delivered"]
a_delivery = (high - low) / deliveries
print(f"{engine:17} {a_delivery:7.0f} bytes, {a_delivery / 256:5.2f} times the item, {(many - few) / deliveries:5.2f} packets; "
      f"below noise {run['cost']['wire_bytes_per_delivery']:.0f} bytes; coverage {run['tx']['coverage']}")
PY
    rm -rf "$work"/headers-*
  done
}

capacity() {
  local engine
  {
    for engine in hearsay gossipsub gossipsub-signed; do
      about "testnet run --find-capacity --engine $engine --degree 8 --tx-rate 80 --ephemeral"
      search --engine "$engine" --tx-rate 80 --ephemeral
    done
  } | tee "$keep/capacity.txt"
}

kill_nine() {
  { about "scripts/kill-test.sh 1000"; ./scripts/kill-test.sh 1000; } | tee "$keep/kill-nine.txt"
}

store() {
  compare store --engines hearsay --store both --workloads plain --tx-rate 20 --duration 15s --rounds 5
  local keep_or_not
  {
    for keep_or_not in "" --ephemeral; do
      about "testnet run --find-capacity --degree 8 --within 5% $keep_or_not"
      # Empty if the flag is not wanted.
      # shellcheck disable=SC2086
      search --tx-rate 160 --within 5% $keep_or_not
    done
  } | tee "$keep/store-capacity.txt"
}

join() {
  {
    about "join_test: 50 nodes, 5,000 blocks of 20 transactions, 20,000 pending"
    cargo build --release --locked --quiet -p hearsay-node --bin node --example join_test
    "$target/release/examples/join_test" "$node" || true
  } | tee "$keep/join.txt"
}

reconcile() {
  {
    about "cargo run --release -p hearsay-protocol --example reconcile_cost"
    cargo run --release --locked --quiet -p hearsay-protocol --example reconcile_cost
  } | tee "$keep/reconcile.txt"
}

verify() {
  {
    about "cargo run --release -p hearsay-protocol --example verify_cost"
    cargo run --release --locked --quiet -p hearsay-protocol --example verify_cost
  } | tee "$keep/verify.txt"
}

# The number of all seeds, that of one part, and the time after which a run begins no other part. 80 minutes and
# one part are below 90.
eclipse_seeds=1000 eclipse_part=20 eclipse_time=$((80 * 60))

# The code of the study, and the compiler that builds it.
eclipse_code() {
  { rustc --version
    find node/src node/examples protocol/src Cargo.toml Cargo.lock node/Cargo.toml protocol/Cargo.toml -type f -print0 | LC_ALL=C sort -z |
      xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

# Runs the parts of which this code has no rows yet, so that the next run continues one that was stopped.
eclipse() {
  local from rows began=$SECONDS
  rows=$target/eclipse/$(eclipse_code)
  cargo build --release --locked --quiet -p hearsay-node --example eclipse
  mkdir -p "$rows"
  for from in $(seq 1 "$eclipse_part" "$eclipse_seeds"); do
    [ ! -e "$rows/$from" ] || continue
    if [ $((SECONDS - began)) -gt "$eclipse_time" ]; then
      echo "eclipse: $((from - 1)) of $eclipse_seeds seeds are done: run this again to go on" >&2
      return 1
    fi
    seq "$from" $((from + eclipse_part - 1)) |
      xargs -P "$(nproc)" -I SEED "$target/release/examples/eclipse" SEED SEED >"$rows/part"
    mv "$rows/part" "$rows/$from"
  done
  {
    about "eclipse: a day of virtual time in six runs for each seed; an honest outbound peer at each second, but for the first 6 minutes of the first run and 2 minutes of the others"
    cat "$rows"/[0-9]* | python3 -c '
import statistics, sys
wanted = int(sys.argv[1])
rows = [line.split() for line in sys.stdin]
failed = []
for scenario in ("two-groups", "quarter-of-groups"):
    runs = [[int(cell) for cell in row[1:]] for row in rows if row[0] == scenario]
    if len({run[0] for run in runs}) < wanted:
        failed.append(f"{scenario}: {len(runs)} of {wanted} seeds were run")
        continue
    seed, eclipsed, fewest, honest, seconds, items, delivered, bad, entries, group, first, restart, inbound = zip(*runs)
    shares = sorted(100 * part / whole for part, whole in zip(bad, entries))
    print(f"{scenario}: {len(runs)} seeds, in {sum(1 for each in eclipsed if each)} of them without an honest outbound peer, for {sum(eclipsed)} s of {sum(seconds)}")
    print(f"  until the first honest outbound peer after a start: at most {max(first)} s in the first runs, {max(restart)} s after a restart")
    print(f"  honest outbound peers: {sum(honest) / sum(seconds):.2f} on average; the fewest at any second: {min(fewest)}; by seed, median {statistics.median(fewest):.0f}")
    print(f"  items: {sum(delivered)} of {sum(items)} had such a peer at their second, which is all that delivery means here")
    print(f"  honest peers in the 64 inbound slots at the end of a run: {sum(inbound) / 6 / len(runs):.1f} on average; none at its start")
    print(f"  entries of the book that are the attacker'"'"'s or invented, at the end: median {statistics.median(shares):.0f} %, most {shares[-1]:.0f} %")
    print(f"  outbound slots of one address group, most: {max(group)}")
    if sum(eclipsed) or sum(delivered) != sum(items):
        failed.append(f"{scenario}: without one in the seeds " + " ".join(str(run[0]) for run in runs if run[1] or run[5] != run[6]))
for each in failed:
    print(each)
sys.exit(1 if failed else 0)
' "$eclipse_seeds"
  } | tee "$keep/eclipse.txt"
}

load=(--nodes 50 --tx-rate 20 --tx-bytes 256 --duration 30s --block-interval 5s)

fifty() { instrument fifty "${load[@]}"; }
flood() { instrument flood "${load[@]}" --relay flood; }
# Medians of rounds in which membership is on and off in turn.
members_relay() {
  local round rate membership rows=3
  {
    about "testnet run --nodes 50 --degree 8 --ephemeral --tx-rate RATE --duration 20s --seed 5, with --node-arg=--membership=on and off in turn, $rows rounds"
    for round in $(seq "$rows"); do
      for rate in 200 20; do
        for membership in $([ $((round % 2)) = 0 ] && echo on off || echo off on); do
          run_quietly "$membership $rate" --node-arg=--membership="$membership" --nodes 50 --degree 8 --ephemeral --tx-rate "$rate" --duration 20s --seed 5
        done
      done
    done | python3 -c '
import json, sys
rows = {}
for line in sys.stdin:
    membership, rate, path = line.split()
    rows.setdefault((rate, membership), []).append(json.load(open(path)))
def middle(runs, figure):
    values = sorted(figure(run) for run in runs)
    return values[len(values) // 2]
figures = (
    ("p50 ms", "%8.2f", lambda run: run["tx"]["latency_ms"]["p50"]),
    ("p95 ms", "%8.2f", lambda run: run["tx"]["latency_ms"]["p95"]),
    ("wire ratio", "%12.3f", lambda run: run["cost"]["wire_ratio"]),
    ("us a delivery", "%15.1f", lambda run: run["cost"]["cpu_us_per_delivery"]),
    ("idle B/s a node", "%17.1f", lambda run: run["cost"]["idle_bytes_per_s_per_node"]),
)
print("rate  membership" + "".join(("%" + form[1:].split(".")[0] + "s") % name for name, form, _ in figures))
for (rate, membership), runs in sorted(rows.items(), reverse=True):
    print("%4s  %-10s" % (rate, membership) + "".join(form % middle(runs, figure) for _, form, figure in figures))
'
  } | tee "$keep/members-relay.txt"
}

# One run; prints a label and the file of its report.
run_quietly() {
  local label=$1 out
  shift
  out=$(mktemp -d -p "$proofs")
  "$testnet" run --out "$out" "$@" >/dev/null 2>"$out.err" || { cat "$out.err" >&2; return 1; }
  rm -rf "$out/nodes" "$out/traces"
  echo "$label $out/report.json"
}

# Stays connected to the stream of events of the first node, and counts what comes. It ends with the node.
watch_events() {
  python3 - "$1" <<'PY'
import http.client, json, sys, time
for _ in range(600):
    try:
        address = json.load(open(f"{sys.argv[1]}/nodes/00/rpc.json"))["rpc"]
        break
    except (OSError, ValueError):
        time.sleep(0.1)
else:
    sys.exit("the first node never told where its RPC is")
connection = http.client.HTTPConnection(address)
connection.request("GET", "/events")
events = 0
try:
    for line in connection.getresponse():
        events += line.startswith(b"event:")
except (OSError, http.client.HTTPException):
    pass
print(events)
PY
}

# Medians of rounds with and without the memory of ways and a reader of events, in turn. The memory holds 3,072 items,
# and 160 s at 20 a second bring 3,200, so at the end of a run it is full.
tracing() {
  local rounds=${TRACING_ROUNDS:-5} time=${TRACING_TIME:-160s} file=$keep/tracing.txt
  [ "$rounds $time" = "5 160s" ] || file=/dev/stderr
  {
    about "testnet run --nodes 50 --degree 8 --ephemeral --tx-rate 20 --duration $time, $rounds rounds of two runs: with item traces and a reader of GET /events at the first node, and with --node-arg=--no-item-traces and no reader"
    tracing_rounds "$rounds" "$time" | python3 -c '
import json, sys
goals = (
    ("p95 ms", lambda run: run["tx"]["latency_ms"]["p95"], lambda on, off: (100 * (on / off - 1), "%", 10)),
    ("CPU us a delivery", lambda run: run["cost"]["cpu_us_per_delivery"], lambda on, off: (100 * (on / off - 1), "%", 3)),
    ("memory of a node, MiB", lambda run: run["cost"]["rss_mib"]["p50"], lambda on, off: (on - off, "MiB", 4)),
)
runs, events = {"on": [], "off": []}, []
for line in sys.stdin:
    kind, *rest = line.split()
    if kind == "events":
        events.append(int(rest[0]))
    else:
        runs[kind].append(json.load(open(rest[0])))
def middle(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
print("%-22s %9s %9s %11s  %s" % ("medians", "with", "without", "difference", "goal"))
missed = 0
for name, figure, compare in goals:
    values = {kind: [figure(run) for run in runs[kind]] for kind in runs}
    if None in values["on"] + values["off"]:
        sys.exit(f"{name}: a run has no such figure")
    on, off = middle(values["on"]), middle(values["off"])
    difference, unit, most = compare(on, off)
    missed += difference > most
    print("%-22s %9.2f %9.2f %+7.2f %-3s  at most %d %s: %s" % (name, on, off, difference, unit, most, unit, "missed" if difference > most else "reached"))
    for kind, words in ("on", "with"), ("off", "without"):
        print("  each run %-8s" % words + "".join(" %8.2f" % value for value in values[kind]))
starved = sum(run["starved"] for kind in runs for run in runs[kind])
print(f"events that the reader got, by round: {events}; runs on a machine that was too slow: {starved}")
if len(events) < len(runs["on"]) or not all(events):
    sys.exit("a reader got no events, so this proves nothing")
sys.exit(1 if missed else 0)
'
  } | tee "$file"
}

# Prints `on FILE` and `off FILE` for each pair of runs, and `events N` for the reader. The pairs are turned round each time.
tracing_rounds() {
  local round kind out reader load="--nodes 50 --degree 8 --ephemeral --tx-rate 20 --duration $2 --seed 5"
  for round in $(seq "$1"); do
    for kind in $([ $((round % 2)) = 0 ] && echo on off || echo off on); do
      out=$proofs/tracing-$kind-$round
      if [ "$kind" = on ]; then
        watch_events "$out" >"$out.events" &
        reader=$!
        # shellcheck disable=SC2086
        "$testnet" run --out "$out" --node "$node" $load >/dev/null 2>"$out.err" || { cat "$out.err" >&2; kill "$reader"; return 1; }
        # It ends with its node.
        wait "$reader"
        echo "events $(cat "$out.events")"
      else
        # shellcheck disable=SC2086
        "$testnet" run --out "$out" --node "$node" --node-arg=--no-item-traces $load >/dev/null 2>"$out.err" || { cat "$out.err" >&2; return 1; }
      fi
      rm -rf "$out/nodes" "$out/traces"
      echo "$kind $out/report.json"
    done
  done
}

# Of the items that were submitted after the kill, the first twenty at every node that lived.
eighth() {
  local seed membership load="--tx-rate 20 --duration 15s --kill-at 7s"
  {
    about "an eighth is killed at once, after 7 s of 20 transactions a second: p95 of the 20 items after that, in ms"
    for seed in 1 2 3 4 5; do
      for membership in on off; do
        # shellcheck disable=SC2086
        run_quietly "real $membership" --node-arg=--membership="$membership" --nodes 50 --degree 8 --ephemeral --seed "$seed" --kill 6 $load
      done
    done >"$proofs/eighth"
    for seed in $(seq 10); do
      for membership in --members ""; do
        # shellcheck disable=SC2086
        "$testnet" sim --nodes 1000 --degree 8 --seed "$seed" --kill 125 --checks none $load $membership --out "$proofs/sim$seed$membership" >/dev/null 2>&1
        echo "simulated $([ -n "$membership" ] && echo on || echo off) $proofs/sim$seed$membership/report.json"
      done
    done >>"$proofs/eighth"
    python3 - "$proofs/eighth" 140 <<'PY'
import csv, os, sys
after = int(sys.argv[2])
runs = {}
for line in open(sys.argv[1]):
    kind, membership, path = line.split()
    order, latencies = {}, []
    for row in csv.DictReader(open(os.path.join(os.path.dirname(path), "deliveries.csv"))):
        number = order.setdefault(row["item"], len(order))
        if row["latency_ms"] and after <= number < after + 20:
            latencies.append(float(row["latency_ms"]))
    latencies.sort()
    runs.setdefault((kind, membership), []).append(latencies[-(-len(latencies) * 95 // 100) - 1])
print("nodes            membership  median  lowest  highest  runs")
for (kind, membership), values in sorted(runs.items()):
    values.sort()
    name = "50 real" if kind == "real" else "1,000 simulated"
    print("%-15s  %-10s  %6.1f  %6.1f  %7.1f  %4d" % (name, membership, values[len(values) // 2], values[0], values[-1], len(values)))
PY
  } | tee "$keep/eighth.txt"
}

kill_ten() { instrument kill "${load[@]}" --kill 10; }

partition() {
  instrument partition --nodes 50 --degree 8 --wan regions --tx-rate 10 --tx-bytes 256 --block-interval 5s \
    --partition 10s,60s --duration 80s --drain 90s
}

# The picture is kept as well if there is no plateau. It takes an hour and some minutes.
plateau() {
  local out status=0
  local hour=(--plateau 96MiB --nodes 20 --tx-rate 60 --tx-bytes 256 --authors 200 --block-interval 5s --duration 1h --drain 60s)
  out=$(mktemp -d)
  { about "testnet run ${hour[*]}"; "$testnet" run --out "$out/run" "${hour[@]}" 2>&1; } | sed "s#$out#OUT#g" | tee "$keep/plateau.txt" || status=$?
  cp "$out/run/memory.svg" "$keep/plateau.svg" || status=1
  rm -rf "$out"
  return "$status"
}

# A client beside a run, in turn with runs that have none.
beside() {
  local name=$1
  shift
  { about "scripts/beside.py $*"; python3 scripts/beside.py "$1" "$testnet" "${@:2}"; } | tee "$keep/$name.txt"
}
rpc_flood() { beside rpc-flood flood --rounds 3; }
scrape() { beside scrape scrape --rounds 3; }
memory_cost() { beside memory-cost memory --rounds 2; }

started=()
stop_all() {
  for pid in "${started[@]+"${started[@]}"}"; do kill -9 "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for space in "${spaces[@]+"${spaces[@]}"}"; do ip netns delete "$space" 2>/dev/null || true; done
  # A test that is cut off can't stop its nodes or remove its namespaces.
  if [ -n "${attack_pid:-}" ]; then
    for space in $(ip netns list 2>/dev/null | sed -n "s/^\(field-$attack_pid-[^ ]*\).*/\1/p"); do
      ip netns pids "$space" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
      ip netns delete "$space" 2>/dev/null || true
    done
  fi
  [ -z "${work:-}" ] || rm -rf "$work"
}

# Runs a proof in its own shell, which stops everything that it started, however it ends, and keeps its output.
proof() {
  (
    trap stop_all EXIT
    trap 'exit 130' INT TERM
    work=$(mktemp -d)
    "$1"
  ) | tee "$keep/$1.txt"
}

# Waits until a command succeeds, for at most 30 s, or tries_max fifths of a second.
until_true() {
  local what=$1 tries=0
  shift
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt "${tries_max:-150}" ] || { echo "never came true: $what"; return 1; }
    sleep 0.2
  done
}

field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
peers_of() {
  local status
  status=$("$node" status --data-dir "$1" --json 2>/dev/null) || { echo 0; return; }
  echo $(($(field peers_in <<<"$status") + $(field peers_out <<<"$status")))
}
has_peers() { [ "$(peers_of "$1")" -ge "$2" ]; }
has_transaction() { "$node" tx get "$2" --data-dir "$1" --json 2>/dev/null | grep -q pending; }

bootstrap() {
  about "20 nodes behind one bootstrap node, which is then killed"
  local first addr id number begin
  "$node" --data-dir "$work/0" --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0 --exempt-loopback --network prove >"$work/0.log" 2>&1 &
  first=$!
  started+=("$first")
  until_true "the first node runs" test -e "$work/0/rpc.json"
  addr=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["listen"][0])' "$work/0/rpc.json")
  begin=$(date +%s.%N)
  for number in $(seq 1 20); do
    "$node" --data-dir "$work/$number" --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0 --exempt-loopback --network prove \
      --bootstrap "$addr" >"$work/$number.log" 2>&1 &
    started+=("$!")
  done
  for number in $(seq 1 20); do until_true "node $number has 8 peers" has_peers "$work/$number" 8; done
  echo "all 20 have 8 peers or more, $(echo "$(date +%s.%N) - $begin" | bc | cut -c1-5) s after the start"
  kill -9 "$first"
  echo "the bootstrap node was killed"
  id=$("$node" tx send --payload "after the bootstrap" --data-dir "$work/1" --json | field id)
  for number in $(seq 2 20); do until_true "node $number has the transaction" has_transaction "$work/$number" "$id"; done
  echo "a transaction sent at node 1 afterwards reached the 19 others"
  for number in $(seq 1 20); do until_true "node $number has 8 peers" has_peers "$work/$number" 8; done
  echo "all 20 have 8 peers or more without it"
}

spaces=()
netns() {
  spaces=(hearsay-a hearsay-b)
  about "two nodes in network namespaces, 10.83.0.1 and 10.83.0.2, no loopback between them"
  ip netns add hearsay-a
  ip netns add hearsay-b
  ip link add veth-a netns hearsay-a type veth peer name veth-b netns hearsay-b
  local side number
  for side in a:1 b:2; do
    number=${side#*:}
    side=${side%:*}
    ip -n "hearsay-$side" addr add "10.83.0.$number/24" dev "veth-$side"
    ip -n "hearsay-$side" link set "veth-$side" up
    ip -n "hearsay-$side" link set lo up
  done
  local transport id key
  for transport in tcp/4001 udp/4001/quic-v1; do
    key=$("$node" key generate --out "$work/key-$$-${transport%%/*}" --json 2>/dev/null | field public_key)
    ip netns exec hearsay-a "$node" --data-dir "$work/a" --key-file "$work/key-$$-${transport%%/*}" --network prove \
      --listen "/ip4/10.83.0.1/$transport" --rpc-addr 127.0.0.1:30401 --producers "$key" --produce-every 2s >"$work/a.log" 2>&1 &
    started+=("$!")
    ip netns exec hearsay-b "$node" --data-dir "$work/b" --network prove --listen "/ip4/10.83.0.2/$transport" \
      --rpc-addr 127.0.0.1:30401 --bootstrap "/ip4/10.83.0.1/$transport" --producers "$key" >"$work/b.log" 2>&1 &
    started+=("$!")
    until_true "they are peers" ns_peers
    id=$(ip netns exec hearsay-b "$node" tx send --payload "across" --data-dir "$work/b" --json | field id)
    until_true "the transaction is in a block that both have" ns_confirmed "$id"
    echo "over $transport: peers, and a transaction of b is in a block of a's that b has"
    kill "${started[@]: -2}"
    wait "${started[@]: -2}" || true
    rm -rf "$work/a" "$work/b"
  done
}
ns_peers() { [ "$(ip netns exec hearsay-b "$node" status --data-dir "$work/b" --json 2>/dev/null | field peers_out 2>/dev/null)" = 1 ]; }
ns_confirmed() {
  ip netns exec hearsay-a "$node" tx get "$1" --data-dir "$work/a" --json 2>/dev/null | grep -q confirmed &&
    ip netns exec hearsay-b "$node" tx get "$1" --data-dir "$work/b" --json 2>/dev/null | grep -q confirmed
}

# Two nodes, each behind its own router, and a relay that both can dial. The networks are those that are reserved for
# documentation, so a node takes their addresses for public ones:
#
#   a 10.0.1.2 -- nat-a 203.0.113.2 --.
#                                      net -- relay 198.51.100.2
#   b 10.0.2.2 -- nat-b 192.0.2.2 ----'
#
# a dials nobody but b, so all that a and b exchange crosses their own connection.
nat() {
  spaces=(hearsay-net hearsay-relay hearsay-nat-a hearsay-nat-b hearsay-a hearsay-b)
  about "two nodes behind routers that translate addresses, and a public relay: ${NODE:+the program of NODE, }scripts/prove.sh nat"
  command -v nft >/dev/null || { echo "not proved: there is no nft here (nftables)"; return 1; }
  local space
  for space in "${spaces[@]}"; do ip netns add "$space" && ip -n "$space" link set lo up; done
  nat_link hearsay-net to-relay 198.51.100.1 hearsay-relay eth0 198.51.100.2
  nat_link hearsay-net to-a 203.0.113.1 hearsay-nat-a outer 203.0.113.2
  nat_link hearsay-net to-b 192.0.2.1 hearsay-nat-b outer 192.0.2.2
  nat_link hearsay-nat-a inner 10.0.1.1 hearsay-a eth0 10.0.1.2
  nat_link hearsay-nat-b inner 10.0.2.1 hearsay-b eth0 10.0.2.2
  ip -n hearsay-relay route add default via 198.51.100.1
  ip -n hearsay-nat-a route add default via 203.0.113.1
  ip -n hearsay-nat-b route add default via 192.0.2.1
  ip -n hearsay-a route add default via 10.0.1.1
  ip -n hearsay-b route add default via 10.0.2.1
  for space in hearsay-net hearsay-nat-a hearsay-nat-b; do
    ip netns exec "$space" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  done
  nat_router masquerade || { echo "not proved: this kernel does not translate addresses"; return 1; }
  local transport
  for transport in tcp/4001 udp/4001/quic-v1; do nat_case "$transport" "which keep ports" hole; done
  nat_router "masquerade fully-random"
  nat_case tcp/4001 "which take a new port for each connection" none
}

# Joins two namespaces.
nat_link() {
  ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
  ip -n "$1" addr add "$3/24" dev "$2"
  ip -n "$4" addr add "$6/24" dev "$5"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
}

# Both routers translate as the argument says. They drop what nobody inside has asked for, as routers of homes do.
nat_router() {
  local space
  for space in hearsay-nat-a hearsay-nat-b; do
    ip netns exec "$space" nft flush ruleset 2>"$work/nft" && ip netns exec "$space" nft -f - 2>"$work/nft" <<RULES || { cat "$work/nft"; return 1; }
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    oifname "outer" $1
  }
}
table ip door {
  chain in {
    type filter hook input priority 0;
    iifname "outer" ct state != { established, related } drop
  }
  chain through {
    type filter hook forward priority 0;
    iifname "outer" ct state != { established, related } drop
  }
}
RULES
  done
}

# One run: the transport, what the routers do, and whether a hole can be punched.
nat_case() {
  local transport=$1 relay b id first=${#started[@]}
  echo
  echo "## over $transport, behind routers $2"
  nat_node relay --listen "/ip4/198.51.100.2/$transport" --relay-server
  relay=$(nat_ask relay status 'said["listen"][0]')
  nat_node b --listen "/ip4/0.0.0.0/$transport" --bootstrap "$relay"
  # The first tests are made after 20 s, and fail after 5 s more.
  tries_max=400 until_true "b knows that nobody can dial it" nat_is b status 'said["reach"]["verdict"] == "unreachable"'
  nat_ask b status '"b: " + said["reach"]["verdict"] + ", because " + "; ".join("%s tried %s: %s" % (test["by"][-6:], test["address"], test["failure"]) for test in said["reach"]["tests"])'
  until_true "b has a reservation" nat_is b status 'any(relay["held"] for relay in said["reach"]["relays"])'
  echo "b: a reservation at the relay, which it found by itself"
  b=$(nat_ask b status 'said["peer_id"]')
  nat_node a --listen "/ip4/0.0.0.0/$transport" --reserved-only --reserved-peer "$relay/p2p-circuit/p2p/$b"
  nat_peer "a: its only peer is b, at"
  nat_crosses a b
  if [ "$3" = hole ]; then
    until_true "a hole is open" grep -q "takes the place of a circuit" "$work/a.log"
    echo "a says: a direct connection takes the place of a circuit"
    until_true "the connection of a and b is direct" nat_is a peers 'len(said) == 1 and said[0]["ready"] and "p2p-circuit" not in said[0]["address"]'
  else
    sleep 20
  fi
  nat_peer "a: now b is at"
  if [ "$3" = hole ]; then
    # Otherwise the shell says that it was killed.
    disown "${started[$first]}"
    kill -9 "${started[$first]}"
    echo "the relay was killed"
    nat_crosses b a
  else
    nat_is a peers 'len(said) == 1 and "p2p-circuit" in said[0]["address"]' || { echo "not a circuit, against expectation"; return 1; }
    echo "no hole, and the circuit stays: a router's port that the relay saw is not the one for the other node"
    nat_crosses b a
    kill "${started[$first]}"
  fi
  kill "${started[@]: -2}"
  wait "${started[@]: -3}" 2>/dev/null || true
  rm -rf "$work/relay" "$work/b" "$work/a"
}

nat_node() {
  local name=$1
  shift
  ip netns exec "hearsay-$name" "$node" --data-dir "$work/$name" --rpc-addr 127.0.0.1:30401 --network prove "$@" >"$work/$name.log" 2>&1 &
  started+=("$!")
  until_true "$name runs" test -e "$work/$name/rpc.json"
}

# An expression over the answer of a node's command.
nat_ask() {
  ip netns exec "hearsay-$1" "$node" "$2" --data-dir "$work/$1" --json 2>/dev/null |
    python3 -c 'import json,sys; said = json.load(sys.stdin); print(eval(sys.argv[1]))' "$3"
}
# The only peer of a, once it is ready, and where it is. Of peer ids the end is shown.
nat_peer() {
  until_true "a has one peer" nat_is a peers 'len(said) == 1 and said[0]["ready"]'
  echo "$1 $(nat_ask a peers 'said[0]["address"]' | sed 's#/12D3Koo[^/]*\([^/]\{6\}\)#/…\1#g')"
}
nat_is() { [ "$(nat_ask "$@" 2>/dev/null)" = True ]; }

# A transaction of the first reaches the second.
nat_crosses() {
  local id
  id=$(ip netns exec "hearsay-$1" "$node" tx send --payload "from $1" --data-dir "$work/$1" --json | field id)
  until_true "a transaction of $1 is at $2" nat_has "$2" "$id"
  echo "a transaction of $1 is at $2"
}
nat_has() { ip netns exec "hearsay-$1" "$node" tx get "$2" --data-dir "$work/$1" --json 2>/dev/null | grep -q pending; }

# Real processes, one by one: the rooms field and rpc::http, and the tests of a lonely node, of the age of blocks,
# and of a killed node. They are built as the gate builds them, and leave no output. Tests that make namespaces are
# left out if that is impossible.
field_tests() {
  local names=(field:: rpc::http:: service::lonely:: store::age:: run::lifecycle::a_killed_node) spaces=() missing=() tool module
  [ "$(id -u)" = 0 ] || missing+=(root)
  for tool in ip mount python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  if [ "${#missing[@]}" != 0 ]; then
    # A test says so itself.
    for module in $(cd node/tests/it && grep -rl --include='*.rs' '#\[ignore = "needs root' ./* | sort); do
      module=${module#./}
      module=${module%.rs}
      spaces+=("${module//\//::}::")
    done
  fi
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked -p hearsay-node --run-ignored all --no-fail-fast --test-threads 1 \
      -E "binary(it) and test(/^($(IFS='|'; echo "${names[*]}"))/)${spaces[*]:+ and not test(/^($(IFS='|'; echo "${spaces[*]}"))/)}"
  else
    cargo test --locked -p hearsay-node --test it -- --include-ignored --test-threads 1 "${names[@]}" \
      $(printf -- '--skip %s ' "${spaces[@]+"${spaces[@]}"}" | sed 's/^--skip *$//')
  fi
  [ "${#spaces[@]}" = 0 ] || echo "skipped ${spaces[*]%::}: they make network and mount namespaces, and here is no ${missing[*]}"
}

# Attacks on real nodes, one after the other, each by a hostile client on a victim with three honest peers
# (node/tests/it/attack/). An attack that ends without a verdict counts as one that works.
attacks=9
attack_pid=
attack() {
  about "attacks on a victim with three honest peers: cargo test --release -p hearsay-node --test it -- --ignored attack::"
  local test
  cargo test --release --locked --quiet -p hearsay-node --test it --no-run
  test=$(cargo test --release --locked -p hearsay-node --test it --no-run --message-format json 2>/dev/null |
    sed -n 's/.*"name":"it".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
  # It runs directly and not through cargo, because the namespaces' names contain its process id, and it must end
  # with this script.
  (cd node && TMPDIR=$work exec "$test" --ignored --test-threads 1 --nocapture attack::) >"$work/out" 2>"$work/err" &
  attack_pid=$!
  started+=("$attack_pid")
  tail -n +1 -f --pid="$attack_pid" "$work/out" | sed -un 's/^test .* \.\.\. //; /^attack \|^  /p' | tee "$work/said"
  wait "$attack_pid" || true
  local holds works
  holds=$(sed -n 's/^attack \([0-9]*\): holds$/\1/p' "$work/said" | sort -n | xargs)
  works=$(sed -n 's/^attack \([0-9]*\): works.*/\1/p' "$work/said" | sort -n | xargs)
  local failed=0
  [ "$(wc -w <<<"$holds")" = "$attacks" ] || failed=1
  [ "$failed" = 0 ] || grep -A3 'panicked' "$work/err" | head -60 || true
  echo "of $attacks attacks $(wc -w <<<"$holds") hold (${holds:-none}), $(wc -w <<<"$works") work (${works:-none}), $((attacks - $(wc -w <<<"$holds $works"))) came to no verdict"
  return "$failed"
}

# It goes on for at most 85 minutes. Run it again to continue. Its status is 3 until all is done.
fuzz() {
  { about "scripts/fuzz.sh"; ./scripts/fuzz.sh 2>&1; } | tee "$keep/fuzz.txt"
}

# The head of this file.
usage() { sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"; exit 2; }

case $# in
  1) dry= ;;
  2) [ "$2" = --dry-run ] || usage; dry=yes ;;
  *) usage ;;
esac
case $1 in
  fifty | flood | busy | links | blocks | capacity | reconcile | verify | store | join | partition | tracing | eighth | plateau | eclipse | fuzz) chosen=("$1") ;;
  kill) chosen=(kill_ten) ;;
  members-relay) chosen=(members_relay) ;;
  rpc-flood) chosen=(rpc_flood) ;;
  scrape) chosen=(scrape) ;;
  memory-cost) chosen=(memory_cost) ;;
  compare) chosen=(everything) ;;
  kill-nine) chosen=(kill_nine) ;;
  bootstrap | netns | nat | headers | attack) chosen=("proof $1") ;;
  field) chosen=(field_tests) ;;
  commands) chosen=("python3 scripts/check-commands.py --all") ;;
  all)
    chosen=(fifty flood kill_ten everything busy links blocks capacity reconcile verify store kill_nine join partition members_relay tracing eighth rpc_flood scrape memory_cost plateau eclipse "proof bootstrap" field_tests)
    if [ "$(id -u)" = 0 ] && command -v ip >/dev/null; then
      chosen+=("proof netns" "proof nat" "proof headers" "proof attack")
    else
      echo "skipped netns, nat, headers and attack: they need root and iproute2"
    fi
    ;;
  *) usage ;;
esac

if [ -n "$dry" ]; then
  printf '%s\n' "${chosen[@]}"
  exit
fi
# The first two leave no output. They build what they need themselves.
mkdir -p "$keep"
case $1 in field | commands | eclipse | fuzz) ;; *) build ;; esac
for each in "${chosen[@]}"; do
  # A proof and its name are two words.
  # shellcheck disable=SC2086
  $each
done
