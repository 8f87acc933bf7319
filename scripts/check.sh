#!/usr/bin/env bash
# The one gate: formatting, lints with warnings denied, the engine's purity, tests, documents, licences and
# advisories. It says so if it skips a tool that is not installed. Nothing passes silently. Run it from anywhere.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }
skipped=()

step "format"
cargo fmt --all -- --check

step "purity: the engine has no std, clock, thread or network"
./scripts/purity.sh

step "house: names, the map, constants, lengths, crowds and import circles"
if command -v python3 >/dev/null 2>&1; then
  python3 scripts/check-house.py
  python3 scripts/check-house.py --self-test >/dev/null
else
  skipped+=("the house's order: python3 is not installed")
fi

step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings

step "tests"
read -r from to why < <(./scripts/fresh-seeds.sh)
echo "small networks of seeds 0..49, always the same, and $from..$to, $why"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked --workspace --no-fail-fast
  step "tests with real nodes, one by one"
  # The tests that make network namespaces need root. scripts/prove.sh field and attack run them.
  cargo nextest run --locked --workspace --no-fail-fast --run-ignored only --test-threads 1 -E 'not test(/^(field|attack)::/)'
else
  cargo test --locked --workspace --no-fail-fast
  step "tests with real nodes, one by one"
  cargo test --locked --workspace --no-fail-fast -- --ignored --test-threads 1 --skip field:: --skip attack::
fi

step "thirty kills of a loaded node"
cargo build --locked --quiet -p hearsay-node --bin node --example kill_test
target=${CARGO_TARGET_DIR:-target}/debug
"$target/examples/kill_test" "$target/node" 30 2>/dev/null

step "the library: its packages, its first lines, its examples, and what it promises"
cargo package --locked --quiet --no-verify --allow-dirty -p hearsay-protocol -p hearsay-node
cargo test --locked --quiet -p hearsay-node --doc
cargo build --locked --quiet -p hearsay-node --example coins --example chat
for example in coins chat; do
  timeout 120 "$target/examples/$example"
done
if command -v python3 >/dev/null 2>&1; then
  python3 scripts/public-api.py
  python3 scripts/public-api.py --self-test >/dev/null
else
  skipped+=("the listing of what the library promises: python3 is not installed")
fi

step "commands: those of the documents, the help texts and the scripts' heads"
if command -v python3 >/dev/null 2>&1; then
  python3 scripts/check-commands.py
else
  skipped+=("the documents' commands: python3 is not installed")
fi

step "pages in a headless browser"
if ./scripts/browser-test.sh --can-run 2>/dev/null; then
  ./scripts/browser-test.sh
else
  skipped+=("the pages: node, npm or chromium is not installed")
fi

step "clients that are not ours"
if ./scripts/interop.sh --node "$target/node"; then
  # The checks notice a client that is wrong.
  if ./scripts/interop.sh --node "$target/node" --break signature >/dev/null 2>&1; then
    echo "a client that signs wrongly passed all checks" >&2
    exit 1
  fi
elif [ $? = 3 ]; then
  skipped+=("other clients: Node.js or npm is not installed, or a package could not be fetched")
else
  exit 1
fi

step "documents"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
./scripts/check-links.sh
if command -v python3 >/dev/null 2>&1; then
  python3 scripts/check-readmes.py --self-test
  python3 scripts/check-book.py
  # The vectors, and whether the checks notice changes in them.
  python3 docs/check-vectors.py --flip
else
  skipped+=("the readmes, the book's contents, and test vectors without our code: python3 is not installed")
fi

step "licences and advisories"
if cargo deny --version >/dev/null 2>&1; then
  cargo deny --all-features check licenses bans sources
  cargo deny --all-features check advisories || {
    [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" ] && exit 1
    skipped+=("advisories: the database could not be fetched")
  }
else
  skipped+=("licences and advisories: cargo-deny is not installed")
fi

step "done"
for what in "${skipped[@]+"${skipped[@]}"}"; do printf 'skipped %s\n' "$what"; done
echo "all checks passed"
