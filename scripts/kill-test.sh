#!/bin/sh
# Kills a loaded node COUNT times at random with SIGKILL (30), and looks whether everything it acknowledged is there when it
# is started again. The last line is the figure. About 2 s a kill, without the build.
#
#   scripts/kill-test.sh [COUNT]
#
# Exit status: 0 nothing is missing and each start came up within 5 s; 1 otherwise.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --quiet -p node --bin node --example kill_test
exec "$target/release/examples/kill_test" "$target/release/node" "${1:-30}"
