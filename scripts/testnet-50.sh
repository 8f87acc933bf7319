#!/bin/sh
# Builds everything, launches 50 nodes on this machine, loads them for 30 s with transactions and blocks, and reports.
# Ends by itself. Flags are passed on to `testnet run` and win over those here: scripts/testnet-50.sh --relay flood
#
# Exit status: 0 the report was written, whatever it says; see `testnet run --help`.
set -eu

cd "$(dirname "$0")/.."
cargo build --release --workspace

out=out/testnet-50
next=
for word in "$@"; do
    case "$next$word" in
        --out=*) out=${word#--out=} ;;
        out:*) out=$word ;;
    esac
    next=
    if [ "$word" = --out ]; then next=out:; fi
done

status=0
target/release/testnet run --nodes 50 --tx-rate 20 --tx-bytes 256 --duration 30s --block-interval 5s \
    --out "$out" "$@" || status=$?
if [ "$status" -eq 0 ]; then
    echo "report: $out/report.json   picture: $out/cdf.svg   every delivery: $out/deliveries.csv"
fi
exit "$status"
