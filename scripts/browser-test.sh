#!/usr/bin/env bash
# Drives the pages of the programs in a headless browser, with real nodes on loopback. Needs Node.js 20, npm and Chromium.
#
#   scripts/browser-test.sh                 all tests of testnet/browser
#   scripts/browser-test.sh node-page       the tests of one file
#   scripts/browser-test.sh --shots DIR     no tests, but pictures of the node's page
#   scripts/browser-test.sh --can-run       nothing but an exit status: whether this machine has what is needed
#
# CHROMIUM names another browser, HEARSAY_NODE and HEARSAY_TESTNET name programs that were built already.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for tool in node npm; do command -v "$tool" >/dev/null 2>&1 || missing+=("$tool"); done
if [ -z "${CHROMIUM:-}" ]; then
  CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  [ -n "$CHROMIUM" ] || missing+=(chromium)
fi
export CHROMIUM
if [ "${#missing[@]}" -gt 0 ]; then
  echo "the pages can't be driven here, because these are not installed: ${missing[*]}" >&2
  exit 1
fi
[ "${1:-}" != --can-run ] || exit 0

case "${1:-}" in
  --shots) shots=$(realpath -m "${2:?a directory is wanted}") ;;
  "") files=(testnet/browser/*.test.mjs) ;;
  *) files=("testnet/browser/$1.test.mjs") ;;
esac

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug
# With the features of the whole workspace, as the tests have built them.
if [ -z "${HEARSAY_NODE:-}" ]; then
  cargo build --locked --quiet --workspace --bin node
  HEARSAY_NODE=$target/node
fi
export HEARSAY_NODE
if [ -z "${HEARSAY_TESTNET:-}" ] && [ -z "${shots:-}" ]; then
  cargo build --locked --quiet --workspace --bin testnet
  HEARSAY_TESTNET=$target/testnet
fi
export HEARSAY_TESTNET=${HEARSAY_TESTNET:-}

if [ ! -d testnet/browser/node_modules/playwright-core ]; then
  # The lock file has the hash of each package. No package runs a script of its own.
  (cd testnet/browser && npm ci --silent)
fi
if [ -n "${shots:-}" ]; then
  exec node testnet/browser/shots.mjs "$shots"
fi
exec node --test --test-concurrency=1 "${files[@]}"
