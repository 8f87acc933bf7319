#!/usr/bin/env python3
# Checks the rules of the house below. For each breach it prints the rule, the place, and how to repair it.
#
#   scripts/check-house.py               every check
#   scripts/check-house.py --list        also the known breaches
#   scripts/check-house.py --tighten     lowers the numbers in house-known.txt to those that are found; raises none
#   scripts/check-house.py --self-test   plants a fault for every check in a temporary copy; an unnoticed fault is
#                                        a failure
#
# names      a file or folder that a document names exists, and the text of a link to a source file is that file's
#            name
# map        every folder of sources is named in ARCHITECTURE's code map
# constants  no name of a constant is defined in two files of the three crates
# bounds     every constant that bounds memory is in one of the two tables of bounds; house_memory.py has those that
#            bound none
# crowds     no folder has more than 12 source files
# files      no source file has more than 500 lines
# functions  no function has more than 70 lines
# circles    no file imports a file that imports it, directly or through others; a folder's head and its files
#            count as one
# rooms      the same for folders: two folders of one parent don't import each other
#
# Known breaches are counted in house-known.txt. A number there may only go down.
#
# Exit status: 0 in order, 1 not, 2 usage.
#
# Not checked: CHANGELOG.md, and links to other files (check-links.sh follows those).

import glob
import os
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
from house_imports import Modules, circles, way_round  # noqa: E402
from house_memory import unbounded  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CRATES = ("protocol", "node", "testnet")
TOPS = CRATES + ("docs", "fuzz", "scripts")
KNOWN = "scripts/house-known.txt"

CROWD_MAX, FILE_MAX, FUNCTION_MAX = 12, 500, 70

# Names that several files may define, each with its reason. Keep the list short, because a distinct name is
# better.
SAME_NAME = {}


class Finding:
    """A breach: its place, the fault, and how to repair it. The area is a crate, or the documents."""

    def __init__(self, area, where, what, todo):
        self.area, self.where, self.what, self.todo = area, where, what, todo

    def __str__(self):
        return f"{self.where}: {self.what}: {self.todo}"


class Tree:
    """The files of a working tree, read once."""

    def __init__(self, root):
        self.root, self.texts = root, {}
        self.files, self.folders = [], set()
        for top in TOPS:
            for folder, folders, files in os.walk(os.path.join(root, top)):
                folders[:] = sorted(name for name in folders if name not in ("target", "node_modules") and not name.startswith("."))
                folder = os.path.relpath(folder, root)
                self.folders.add(folder)
                self.files += [f"{folder}/{name}" for name in sorted(files)]
        self.rust = [file for file in self.files if file.endswith(".rs")]
        documents = sorted(glob.glob(os.path.join(root, "*.md")) + glob.glob(os.path.join(root, "docs/**/*.md"), recursive=True))
        self.documents = [os.path.relpath(file, root) for file in documents]
        self.documents = [file for file in self.documents if file != "CHANGELOG.md"]

    def text(self, file):
        if file not in self.texts:
            with open(os.path.join(self.root, file), encoding="utf-8") as opened:
                self.texts[file] = opened.read()
        return self.texts[file]

    def lines(self, file):
        return self.text(file).splitlines()

    def has(self, path):
        """Whether the path exists. It may contain stars."""
        return bool(glob.glob(os.path.join(self.root, path)))

    def ends(self, path):
        """Whether a file or a folder ends with these components."""
        places = self.folders if path.endswith("/") else self.files
        return any(f"/{place}".endswith("/" + path.strip("/")) for place in places)

    def source_folders(self):
        """Folders that hold sources of the crates."""
        folders = {os.path.dirname(file) for file in self.rust}
        return sorted(folder for folder in folders if re.match(rf"(?:{'|'.join(CRATES)})/src(/|$)", folder))


def area_of(file):
    return file.split("/", 1)[0]


# --- documents --------------------------------------------------------------------------------------------------------------

PLACE = re.compile(r"(?<![\w./-])(?:%s)/[\w./*-]*[\w/*]" % "|".join(TOPS))
FILE_NAME = re.compile(r"(?:[\w.-]+/)*[\w-]+\.(?:rs|sh|py)")
FOLDER_NAME = re.compile(r"(?:[a-z_]+/)+")
# Files that a run makes, and names that stand for others.
MADE = ("out/", "target/")
STANDS_FOR = re.compile(r"\b(?:NAME|NN)\b")


def check_names(tree):
    missing = "name what is there, or take the name out"
    for file in tree.documents:
        for number, line in enumerate(tree.lines(file), 1):
            where = f"{file}:{number}"
            for place in PLACE.findall(line):
                if not tree.has(place) and not STANDS_FOR.search(place):
                    yield Finding("docs", where, f"there is no {place}", missing)
            for name in re.findall(r"`(?:\./)?([^`]+)`", line):
                named = FILE_NAME.fullmatch(name) or FOLDER_NAME.fullmatch(name)
                made = name.startswith(MADE)
                if named and not made and not PLACE.fullmatch(name) and not tree.ends(name):
                    yield Finding("docs", where, f"there is no {name} anywhere", missing)
            for text, target in re.findall(r"\[`?([^\]`]*\.rs)`?\]\(([^)#]*)", line):
                if os.path.basename(text) != os.path.basename(target):
                    yield Finding("docs", where, f"a link that says {text} leads to {target}", "say what it leads to")


def check_map(tree):
    file = "docs/ARCHITECTURE.md"
    section = re.search(r"^## [^\n]*\bmap\b[^\n]*\n(.*?)(?=^## |\Z)", tree.text(file), re.I | re.M | re.S)
    text = section[1] if section else ""
    named = set()
    for target in re.findall(r"\]\(([^)#]+)", text):
        path = os.path.normpath(os.path.join("docs", target))
        named |= {path, os.path.dirname(path), path[: -len(".rs")] if path.endswith(".rs") else path}
    written = re.findall(r"(?:[\w-]+/)+(?![\w.])", text)
    for folder in tree.source_folders():
        said = any(f"/{folder}/".endswith("/" + name) for name in written)
        if folder not in named and not said:
            todo = f"say in the code map of {file} what the folder is for"
            yield Finding(area_of(folder), folder, "the code map doesn't name it", todo)


# --- sources ----------------------------------------------------------------------------------------------------------------

def check_constants(tree):
    defined = {}
    for file in tree.rust:
        if not re.match(r"(?:%s)/src/" % "|".join(CRATES), file):
            continue
        for number, line in enumerate(tree.lines(file), 1):
            match = re.match(r"(?:pub(?:\([^)]*\))? )?(?:const|static) ([A-Z][A-Z0-9_]*):", line)
            if match and match[1] not in SAME_NAME:
                defined.setdefault(match[1], []).append(f"{file}:{number}")
    for name, places in sorted(defined.items()):
        if len(places) > 1:
            todo = "use the one where it is meant, or give each a name that says which it is"
            areas = {area_of(place) for place in places}
            area = areas.pop() if len(areas) == 1 else "between crates"
            yield Finding(area, places[0], f"{name} is also defined in {', '.join(places[1:])}", todo)


def check_bounds(tree):
    texts = {file: tree.text(file) for file in tree.rust if re.match(r"(?:protocol|node)/src/", file)}
    for where, what, todo in unbounded(texts):
        yield Finding(area_of(where), where, what, todo)


def check_crowds(tree):
    folders = {}
    for file in tree.rust:
        folders.setdefault(os.path.dirname(file), []).append(file)
    for folder, files in sorted(folders.items()):
        if len(files) > CROWD_MAX:
            what = f"{len(files)} source files beside each other, where {CROWD_MAX} may be"
            yield Finding(area_of(folder), folder, what, "give those that share a concern a folder")


def check_files(tree):
    for file in tree.rust:
        count = len(tree.lines(file))
        if count > FILE_MAX:
            yield Finding(area_of(file), file, f"{count} lines, where {FILE_MAX} may be", "split it by what it is about")


FN = re.compile(r"( *)(?:pub(?:\([^)]*\))? )?(?:default |const |async |unsafe |extern \"C\" )*fn (\w+)")


def check_functions(tree):
    for file in tree.rust:
        lines = tree.lines(file)
        for at, line in enumerate(lines):
            match = FN.match(line)
            if not match:
                continue
            # Formatted sources: the closing brace stands below the `fn`, and a declaration ends with a semicolon.
            ends = (match[1] + "}", match[1] + ");")
            declared = lambda text: text.endswith(";") and not text.startswith(match[1] + " ")  # noqa: E731, B023
            rest = range(at, len(lines))
            end = next((n for n in rest if lines[n] in ends or declared(lines[n]) or n == at and line.endswith("}")), at)
            if end - at + 1 > FUNCTION_MAX:
                what = f"{match[2]} has {end - at + 1} lines, where {FUNCTION_MAX} may be"
                yield Finding(area_of(file), f"{file}:{at + 1}", what, "give its parts names")


# --- imports ----------------------------------------------------------------------------------------------------------------

def check_circles(tree):
    for crate in CRATES:
        modules = Modules(tree, crate)
        edges = modules.edges()
        for circle in circles(edges):
            way = way_round(edges, circle)
            said = [f"{modules.files[a]}:{edges[a][b]}" for a, b in zip(way, way[1:])]
            for module in circle:
                what = f"in a circle of {len(circle)} files: {' → '.join(said)}"
                yield Finding(crate, modules.files[module], what, "move what both need to a file that imports neither")


def check_rooms(tree):
    for crate in CRATES:
        modules = Modules(tree, crate)
        edges = modules.edges()
        folders = {module[:-1] for module in modules.files if module}
        for parent in sorted(folders):
            deep, between = len(parent) + 1, {}
            for module, targets in edges.items():
                for target in targets:
                    room, other = module[:deep], target[:deep]
                    inside = module[: deep - 1] == parent == target[: deep - 1]
                    if inside and room != other:
                        where = f"{modules.files[module]}:{targets[target]}"
                        between.setdefault(room, {}).setdefault(other, where)
            for circle in circles(between):
                # If all of them are files, the check of files reports it.
                if not any(room in folders for room in circle):
                    continue
                way = way_round(between, circle)
                said = [between[a][b] for a, b in zip(way, way[1:])]
                for room in circle:
                    where = "/".join((crate, "src") + room)
                    what = f"in a circle of {len(circle)} rooms: {' → '.join(said)}"
                    yield Finding(crate, where, what, "let one of them know nothing of the other")


CHECKS = {
    "names": check_names,
    "map": check_map,
    "constants": check_constants,
    "bounds": check_bounds,
    "crowds": check_crowds,
    "files": check_files,
    "functions": check_functions,
    "circles": check_circles,
    "rooms": check_rooms,
}


# --- what is known ----------------------------------------------------------------------------------------------------------

def read_known(root):
    known = {}
    with open(os.path.join(root, KNOWN), encoding="utf-8") as opened:
        for line in opened:
            words = line.split("#")[0].split()
            if words:
                known[(words[0], " ".join(words[1:-1]))] = int(words[-1])
    return known


def write_known(root, known):
    path = os.path.join(root, KNOWN)
    with open(path, encoding="utf-8") as opened:
        head = [line for line in opened if line.startswith("#")]
    with open(path, "w", encoding="utf-8") as opened:
        opened.writelines(head)
        opened.writelines(f"{check} {area} {count}\n" for (check, area), count in sorted(known.items()) if count)


def found_in(tree, checks):
    found = {}
    for check in checks:
        for finding in CHECKS[check](tree):
            found.setdefault((check, finding.area), []).append(finding)
    return found


def judge(root, list_all):
    known, found, wrong = read_known(root), found_in(Tree(root), CHECKS), 0
    for key in sorted(set(known) | set(found)):
        findings, allowed = found.get(key, []), known.get(key, 0)
        check, area = key
        if len(findings) > allowed or list_all:
            for finding in findings:
                print(f"{check}: {finding}")
        if len(findings) > allowed:
            wrong += 1
            if allowed:
                print(f"{check}: {len(findings)} in {area}, where {allowed} were known")
        elif len(findings) < allowed:
            wrong += 1
            print(f"{check}: {len(findings)} in {area}, where {allowed} were known: run scripts/check-house.py --tighten")
    left = sum(len(findings) for findings in found.values())
    print(f"house: {len(CHECKS)} checks, {wrong} not as they should be; {left} exceptions in all, see {KNOWN}")
    return 1 if wrong else 0


def tighten(root):
    known, found = read_known(root), found_in(Tree(root), CHECKS)
    lower = {key: min(count, len(found.get(key, []))) for key, count in known.items()}
    for key in sorted(known):
        if lower[key] < known[key]:
            print(f"{' '.join(key)}: {known[key]} -> {lower[key]}")
    write_known(root, lower)
    return judge(root, False)


# --- whether each check can fail ---------------------------------------------------------------------------------------------

LONG = "".join(f"// {n}\n" for n in range(FILE_MAX + 1))
LONG_FN = "fn long() {\n" + "    work();\n" * (FUNCTION_MAX - 1) + "}\n"

# For each check, its faults: the text that is added, the file to which it is added, and a word that the message
# must contain.
FAULTS = {
    "names": [
        ({"README.md": "\nSee `scripts/nowhere.sh`.\n"}, "scripts/nowhere.sh"),
        ({"docs/GLOSSARY.md": "\nSee `nowhere_at_all.rs`.\n"}, "nowhere_at_all.rs"),
        ({"docs/GLOSSARY.md": "\nSee `nowhere/at/all/`.\n"}, "nowhere/at/all/"),
        ({"docs/GLOSSARY.md": "\nSee [other.rs](../protocol/src/lib.rs).\n"}, "other.rs"),
    ],
    "map": [({"protocol/src/planted_room/one.rs": "//! One.\n"}, "planted_room")],
    "constants": [
        ({"node/src/planted_a.rs": "const PLANTED: u8 = 1;\n", "testnet/src/planted_b.rs": "pub const PLANTED: u8 = 2;\n"}, "PLANTED"),
        ({"node/src/planted_a.rs": "static PLANTED: u8 = 1;\n", "node/src/planted_b.rs": "pub(crate) const PLANTED: u8 = 1;\n"}, "PLANTED"),
    ],
    "bounds": [
        ({"node/src/planted_a.rs": "pub const PLANTED_MAX: usize = 1;\n"}, "PLANTED_MAX"),
        ({"node/src/run/bounds.rs": "// DIALS_MAX\n"}, "DIALS_MAX"),
    ],
    "crowds": [({f"testnet/src/planted/f{n}.rs": "//! One of many.\n" for n in range(CROWD_MAX + 1)}, "testnet/src/planted")],
    "files": [({"testnet/src/planted.rs": LONG}, "testnet/src/planted.rs")],
    "functions": [
        ({"testnet/src/planted.rs": LONG_FN}, "long has"),
        ({"testnet/src/planted.rs": "impl A {\n" + re.sub(r"(?m)^", "    ", "pub async " + LONG_FN) + "\n}\n"}, "long has"),
    ],
    "circles": [
        ({"node/src/planted_a.rs": "use crate::planted_b::B;\n", "node/src/planted_b.rs": "use super::planted_a::{A, C};\n"}, "planted_a.rs:1"),
        (
            {
                "node/src/planted_a.rs": "fn f() { crate::planted_b::g() }\n",
                "node/src/planted_b.rs": "use crate::{\n    planted_c::{self},\n};\n",
                "node/src/planted_c.rs": "use crate::planted::A;\n",
                "node/src/planted.rs": "pub use crate::planted_a::A;\n",
            },
            "planted_b.rs:1",
        ),
    ],
    "rooms": [
        (
            {
                "node/src/planted_a.rs": "mod one;\npub mod two;\n",
                "node/src/planted_b.rs": "mod one;\npub mod two;\n",
                "node/src/planted_a/one.rs": "use crate::planted_b::two::B;\n",
                "node/src/planted_a/two.rs": "//! Imports nothing.\n",
                "node/src/planted_b/one.rs": "use crate::planted_a::two::A;\n",
                "node/src/planted_b/two.rs": "//! Imports nothing.\n",
            },
            "planted_b/one.rs:1",
        ),
    ],
}


def self_test():
    unnoticed = 0
    for check in CHECKS:
        assert FAULTS.get(check), f"no fault is planted for {check}"
    with tempfile.TemporaryDirectory() as copy:
        for file in Tree(ROOT).files + Tree(ROOT).documents:
            if file.endswith((".rs", ".md", ".sh", ".py", ".txt", ".toml", ".svg")):
                os.makedirs(os.path.dirname(os.path.join(copy, file)), exist_ok=True)
                shutil.copy(os.path.join(ROOT, file), os.path.join(copy, file))
        for check, faults in FAULTS.items():
            before = {str(finding) for findings in found_in(Tree(copy), [check]).values() for finding in findings}
            for planted, word in faults:
                unnoticed += not noticed(copy, check, before, planted, word)
    print("house: every planted fault was noticed" if not unnoticed else f"house: {unnoticed} planted faults went unnoticed")
    return 1 if unnoticed else 0


def noticed(copy, check, before, planted, word):
    """Plants a fault, looks for it, and puts the copy back."""
    kept = {}
    for file, text in planted.items():
        path = os.path.join(copy, file)
        kept[path] = open(path, encoding="utf-8").read() if os.path.exists(path) else None
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as opened:
            opened.write(text)
    found = {str(finding) for findings in found_in(Tree(copy), [check]).values() for finding in findings}
    new = [finding for finding in found - before if word in finding]
    for path, text in kept.items():
        if text is None:
            os.remove(path)
        else:
            with open(path, "w", encoding="utf-8") as opened:
                opened.write(text)
    print(f"{check}: {new[0] if new else 'UNNOTICED: ' + ', '.join(planted)}")
    return bool(new)


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments == ["--tighten"]:
        return tighten(ROOT)
    if arguments in ([], ["--list"]):
        return judge(ROOT, bool(arguments))
    with open(__file__, encoding="utf-8") as opened:
        print(*re.findall(r"^#(?!!) ?(.*)$", opened.read().split("\n\n")[0], re.M), sep="\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
