#!/bin/sh
# Builds everything, launches 50 nodes on this machine, loads them for 30 s with transactions and blocks, and
# reports. It ends by itself. Flags are passed to `testnet run` and override those here. Paths are relative to the
# repository.
#
#   scripts/testnet-50.sh
#   scripts/testnet-50.sh --relay flood --nodes 20 --out out/flood
#
# Exit status: 0 the report was written, whatever its figures are; see `testnet run --help`.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --workspace

# The caller's flags come last, because the last one wins. A search for the capacity has no blocks. Other settings,
# such as the rate, have the defaults of `testnet run`. So flags that exclude each other, such as --txs and
# --duration, can be chosen freely.
case " $* " in
    *" --find-capacity "*) ;;
    *) set -- --block-interval 5s "$@" ;;
esac
exec "$target/release/testnet" run --out out/testnet-50 "$@"
