#!/usr/bin/env python3
"""The bill of materials of the program `node`: every crate that is built into it, in CycloneDX 1.5 as JSON.

    scripts/sbom.py > node.cdx.json      write it
    scripts/sbom.py --check FILE         read it again: is every crate of the lock file's tree in it, once?

It reads `cargo metadata` for this machine's platform, and follows normal dependencies alone: what only builds or tests
the program is not in it. Checksums are those of Cargo.lock.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def metadata():
    """What cargo knows of the workspace, for this platform."""
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    return json.loads(subprocess.check_output(command, cwd=ROOT, text=True))


def checksums():
    """The SHA-256 of each registry crate, by name and version."""
    text = (ROOT / "Cargo.lock").read_text()
    found = re.finditer(r'name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"', text)
    return {(one[1], one[2]): one[3] for one in found}


def tree(meta):
    """The crates that are built into `node`, and for each the crates that it uses."""
    names = {package["id"]: package for package in meta["packages"]}
    nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}
    root = next(id for id, package in names.items() if package["name"] == "hearsay-node" and package["source"] is None)
    uses, todo = {}, [root]
    while todo:
        at = todo.pop()
        if at in uses:
            continue
        normal = [dep["pkg"] for dep in nodes[at]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        uses[at] = sorted(normal)
        todo.extend(normal)
    return root, {id: names[id] for id in uses}, uses


def reference(package):
    """The package URL. Crates of the workspace have one as well."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums, kind="library"):
    """One crate."""
    found = {
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package.get("description"):
        found["description"] = " ".join(package["description"].split())
    if package.get("license"):
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package.get("repository"):
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def bill():
    """The whole document. It has no time and no random number, so the same tree gives the same bytes."""
    root, packages, uses = tree(metadata())
    sums = checksums()
    by_name = sorted(packages, key=lambda id: (packages[id]["name"], packages[id]["version"]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], sums, "application")},
        "components": [component(packages[id], sums) for id in by_name if id != root],
        "dependencies": [
            {"ref": reference(packages[id]), "dependsOn": sorted({reference(packages[use]) for use in uses[id]})}
            for id in by_name
        ],
    }


def check(path):
    """Compares a document with the lock file."""
    found, wanted = json.loads(Path(path).read_text()), bill()
    if found != wanted:
        sys.exit(f"{path} is not the bill of materials of this tree: make it again")
    refs = [one["bom-ref"] for one in found["components"]]
    if len(refs) != len(set(refs)):
        sys.exit(f"{path} names a crate twice")
    unlicensed = [one["name"] for one in found["components"] if "licenses" not in one]
    if unlicensed:
        sys.exit(f"{path}: no licence is known of {', '.join(unlicensed)}")
    print(f"{len(refs)} crates are built into node", file=sys.stderr)


def main():
    match sys.argv[1:]:
        case []:
            json.dump(bill(), sys.stdout, indent=1)
            print()
        case ["--check", path]:
            check(path)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
