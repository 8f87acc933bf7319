#!/usr/bin/env bash
# Makes a release of the node for this machine's platform, in out/release: the stripped program, its bill of materials,
# the licences, the files of deploy/, and SHA-256 sums of all of it. It fails if the program is larger than 25 MB.
#
#   ./scripts/release.sh            build and pack
#   ./scripts/release.sh --check    look at what is in out/release: sums, size, bill of materials
set -euo pipefail
cd "$(dirname "$0")/.."

out=${OUT:-out/release}
most=$((25 * 1000 * 1000))
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
target=$(rustc -vV | sed -n 's/^host: //p')
name="hearsay-node-$version-$target"

check() {
  (cd "$out" && sha256sum --check --quiet SHA256SUMS)
  size=$(stat -c %s "$out/hearsay-node")
  if ((size > most)); then
    echo "the program has $size bytes, more than $most" >&2
    exit 1
  fi
  said=$("$out/hearsay-node" --version)
  python3 scripts/sbom.py --check "$out/$name.cdx.json"
  echo "$said: $size bytes, all sums are right"
}

case "${1:-}" in
  --check) check; exit 0 ;;
  "") ;;
  *) sed -n 2,6p "$0" | cut -c3- >&2; exit 2 ;;
esac

cargo build --locked --profile dist --package hearsay-node --bin node
rm -rf "$out"
mkdir -p "$out"
cp "${CARGO_TARGET_DIR:-target}/dist/node" "$out/hearsay-node"
python3 scripts/sbom.py > "$out/$name.cdx.json"
# The same bytes whoever packs it, and whenever: names in order, and the time of the commit.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
  --transform="s,^,$name/," -C "$out" hearsay-node -C "$PWD" LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md deploy \
  | gzip --no-name --best > "$out/$name.tar.gz"
(cd "$out" && sha256sum -- hearsay-node "$name.cdx.json" "$name.tar.gz" > SHA256SUMS)
check
