#!/bin/sh
# Checks the node against a client that shares no code with it: JavaScript and js-libp2p, written from
# docs/PROTOCOL.md. Installs what the client needs with `npm ci`, starts four nodes on the loopback, and prints a table of
# what passed. Everything that it starts is ended by its process id. It needs Node.js 20 or newer, and takes about half a
# minute without the build.
#
#   scripts/interop.sh
#   scripts/interop.sh --node PROGRAM     a node that is built already
#   scripts/interop.sh --break FAULT      signature, id or length: plants this fault in the client, so checks must fail
#
# Exit status: 0 all passed, 1 a check failed, 2 usage, 3 Node.js or npm is missing, or npm could not install.
set -eu

cd "$(dirname "$0")/.."
for tool in node npm; do
    command -v "$tool" >/dev/null 2>&1 || { echo "interop: $tool is not installed; nothing was started" >&2; exit 3; }
done

case " $* " in
    *" --node "*) ;;
    *)
        cargo build --locked --quiet -p node --bin node
        set -- --node "${CARGO_TARGET_DIR:-target}/debug/node" "$@"
        ;;
esac
npm ci --prefix testnet/interop --ignore-scripts --loglevel=error >/dev/null || exit 3
exec node testnet/interop/interop.js "$@"
