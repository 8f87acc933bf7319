#!/usr/bin/env bash
# Makes a release of the node for this machine's platform, in out/release: the stripped program, its bill of materials,
# the licences, the files of deploy/, and SHA-256 sums of all of it. It fails if the program is larger than 25 MB.
#
#   ./scripts/release.sh            build and pack
#   ./scripts/release.sh --check    look at what is in out/release: sums, size, bill of materials
#
# With OUT=DIR, that directory is used. It is emptied first, so it must be empty, missing, or an earlier release.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${OUT:-out/release}
most=$((25 * 1000 * 1000))
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
target=$(rustc -vV | sed -n 's/^host: //p')
name="hearsay-node-$version-$target"

check() {
  [ -e "$out/SHA256SUMS" ] || { echo "there is no release in $out: make one first" >&2; exit 1; }
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
  *) sed -n 2,8p "$0" | cut -c3- >&2; exit 2 ;;
esac

# A mistyped OUT must not cost anything else.
if [ -e "$out" ] && [ ! -e "$out/SHA256SUMS" ] && ! rmdir "$out" 2>/dev/null; then
  echo "$out has files and no earlier release, and nothing was done: name another directory with OUT" >&2
  exit 1
fi
# The time of the commit. A tree without git, such as an unpacked archive, must say it.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || { echo "there is no commit here: set SOURCE_DATE_EPOCH" >&2; exit 1; }

cargo build --locked --profile dist --package hearsay-node --bin node
rm -rf "$out"
mkdir -p "$out"
cp "${CARGO_TARGET_DIR:-target}/dist/node" "$out/hearsay-node"
python3 scripts/sbom.py > "$out/$name.cdx.json"
# The same bytes whoever packs it, and whenever: names in order, and the time of the commit.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" \
  --transform="s,^,$name/," -C "$out" hearsay-node -C "$PWD" LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md deploy \
  | gzip --no-name --best > "$out/$name.tar.gz"
(cd "$out" && sha256sum -- hearsay-node "$name.cdx.json" "$name.tar.gz" > SHA256SUMS)
check
