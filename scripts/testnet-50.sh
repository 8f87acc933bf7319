#!/bin/sh
# Builds everything, launches 50 nodes on this machine, loads them for 30 s with transactions and blocks, and reports.
# Ends by itself. Flags are passed on to `testnet run` and win over those here; paths are relative to the repository.
#
#   scripts/testnet-50.sh
#   scripts/testnet-50.sh --relay flood --nodes 20 --out out/flood
#
# Exit status: 0 the report was written, whatever it says; see `testnet run --help`.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --workspace

# The caller's flags come last, for the last one wins. A search for the capacity has no blocks. What isn't given here, as the
# rate, is as in `testnet run`, so that flags that exclude each other, as --txs and --duration, can be chosen freely.
case " $* " in
    *" --find-capacity "*) ;;
    *) set -- --block-interval 5s "$@" ;;
esac
exec "$target/release/testnet" run --out out/testnet-50 "$@"
