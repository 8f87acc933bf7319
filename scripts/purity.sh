#!/usr/bin/env bash
# Fails if the engine could reach a clock, a socket, a thread or global randomness. It must be no_std, take nothing
# from std, and depend only on the crates in this list.
set -euo pipefail
cd "$(dirname "$0")/.."

allowed="bytes ciborium-ll curve25519-dalek ed25519-dalek hashbrown hex lru rand_chacha rand_core sha2 siphasher thiserror"

grep -qx '#!\[no_std\]' protocol/src/lib.rs || { echo "protocol/src/lib.rs is not no_std"; exit 1; }
if grep -rnE '\bstd::|extern crate std' protocol/src; then
  echo "the engine takes something from std"
  exit 1
fi
direct=$(cargo tree --locked -p hearsay-protocol -e normal --depth 1 --prefix none --format '{p}' | tail -n +2 | cut -d' ' -f1 | sort -u)
for crate in $direct; do
  case " $allowed " in
    *" $crate "*) ;;
    *) echo "the engine depends on $crate, which scripts/purity.sh does not list"; exit 1 ;;
  esac
done
for part in links/peer fetch/request relay/routes relay/rumor inventory; do
  if grep -nE '^use (super|crate::gossip::[a-z]+)::(peer|request|routes|rumor|seen|serve|pass_on|author_tree|transactions|blocks|talk)\b' "protocol/src/gossip/$part.rs"; then
    echo "the parts of the engine must not import each other"
    exit 1
  fi
done
echo "protocol: no_std, $(echo "$direct" | wc -l) direct dependencies, all listed"
