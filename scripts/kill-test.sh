#!/bin/sh
# Kills a loaded node COUNT times at random times with SIGKILL (30 by default). After each restart it checks
# whether everything that the node acknowledged is still there. The last line is the figure. It takes about 2 s a
# kill, without the build.
#
#   scripts/kill-test.sh [COUNT]
#
# Exit status: 0 nothing is missing and each start took at most 5 s; 1 otherwise.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --quiet -p hearsay-node --bin node --example kill_test
exec "$target/release/examples/kill_test" "$target/release/node" "${1:-30}"
