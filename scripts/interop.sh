#!/bin/sh
# Checks the node against clients that share no code with it and were written from docs/PROTOCOL.md. It installs what
# they need, starts nodes on the loopback, and prints a table of what passed. Everything that it starts is ended by its
# process id. Without the installing and the build, it takes about half a minute.
#
#   scripts/interop.sh                    JavaScript and js-libp2p; it needs Node.js 20 or newer
#   scripts/interop.sh --python           a smaller set with Python 3.11 or newer and py-libp2p; it needs GMP's headers
#   scripts/interop.sh --node PROGRAM     a node that is built already; also behind --python
#   scripts/interop.sh --break FAULT      signature, id or length: plants this fault in the client, so that checks must
#                                         fail; in Python signature only
#
# Exit status: 0 all passed, 1 a check failed, 2 usage, 3 a tool is missing, or a package could not be installed.
set -eu

INSTALL_S=180

cd "$(dirname "$0")/.."
client=javascript
if [ "${1:-}" = --python ]; then client=python; shift; fi
[ "$client" = python ] && needed=python3 || needed="node npm"
for tool in $needed; do
    command -v "$tool" >/dev/null 2>&1 || { echo "interop: $tool is not installed; nothing was started" >&2; exit 3; }
done

case " $* " in
    *" --node "*) ;;
    *)
        cargo build --locked --quiet -p hearsay-node --bin node
        set -- --node "${CARGO_TARGET_DIR:-target}/debug/node" "$@"
        ;;
esac

# install WANTED STAMP COMMAND: installs what WANTED lists with COMMAND, unless STAMP says that it was installed before.
# A registry that doesn't answer must not hold up a gate.
install() {
    wanted=$1 stamp=$2
    shift 2
    if ! cmp -s "$wanted" "$stamp"; then
        timeout "$INSTALL_S" "$@" >/dev/null || {
            echo "interop: the packages of $wanted were not installed; nothing was started" >&2
            exit 3
        }
        cp "$wanted" "$stamp"
    fi
}

here=testnet/interop
if [ "$client" = python ]; then
    venv=out/interop-python
    list=$here/python/requirements.txt
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || exit 3
    install "$list" "$venv/installed" "$venv/bin/pip" install --quiet -r "$list"
    exec "$venv/bin/python" "$here/python/interop.py" "$@"
fi
install "$here/package-lock.json" "$here/node_modules/installed" \
    npm ci --prefix "$here" --ignore-scripts --loglevel=error
exec node "$here/interop.js" "$@"
