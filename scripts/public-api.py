#!/usr/bin/env python3
# Compares what the published crates promise with the listings that are kept in docs/api.
#
#   scripts/public-api.py               exit status 1 if the sources and a listing differ; says where
#   scripts/public-api.py --write       writes the listings anew
#   scripts/public-api.py --self-test   plants changes in a copy; one that goes unnoticed is a failure
#
# A listing is read from the sources, without a compiler. Of protocol it has every public item: the lint
# unreachable_pub sees to it that no other item says `pub`. Of node it has what the crate's root names: that is what
# node promises.
#
# Not seen: what a derive or another crate's macro makes, and blanket implementations. A call of a macro of this
# crate's is listed with its text.
#
# Exit status: 0 in order, 1 not, 2 usage.

import difflib
import os
import re
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEPT = "docs/api"
KIND = re.compile(r"(?:default |const |async |unsafe )*(fn|struct|enum|trait|mod|impl|const|static|type|use|union|macro_rules!)(?:\b|(?<=!))")
OPEN, CLOSE = "([{", ")]}"


def bare(text):
    """The text without comments, and with strings emptied, so that no bracket in them counts."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.|[^\'\\])\'', re.S)
    return pattern.sub(lambda found: '""' if found[0].lstrip("b")[0] in "\"'" else "", text)


def closing(text, at):
    """The place after the bracket that closes the one at `at`."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in OPEN) - (text[place] in CLOSE)
        if depth == 0:
            return place + 1
    return len(text)


def spaced(text):
    """On one line, without what only the formatting adds."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r",? ?([)\]}])", r"\1", re.sub(r"([(\[{]) ", r"\1", text))


def parts(text):
    """Between commas that are outside of brackets."""
    found, depth, part = [], 0, ""
    for place, char in enumerate(text):
        depth += (char in OPEN + "<") - (char in CLOSE or (char == ">" and text[place - 1] not in "-="))
        if char == "," and depth == 0:
            found.append(part)
            part = ""
        else:
            part += char
    return [part for part in (spaced(part) for part in found + [part]) if part]


def items(text):
    """Each item: its attributes, its head, and its body if it has one in braces."""
    place = 0
    while True:
        attributes = []
        while True:
            place += len(text[place:]) - len(text[place:].lstrip())
            if not text.startswith("#", place):
                break
            end = closing(text, text.index("[", place))
            attributes.append(spaced(text[place:end]))
            place = end
        if place >= len(text):
            return
        start, depth = place, 0
        head = text[start : start + 200]
        ends_in_semicolon = re.match(r"(?:pub(?:\([^)]*\))? )?(?:const (?!fn)|static |type |use )", head)
        while place < len(text):
            char = text[place]
            if char == ";" and depth == 0:
                yield attributes, spaced(text[start:place]), None
                place += 1
                break
            if char == "{" and depth == 0 and not ends_in_semicolon:
                end = closing(text, place)
                yield attributes, spaced(text[start:place]), text[place + 1 : end - 1]
                place = end
                break
            depth += (char in OPEN) - (char in CLOSE)
            place += 1
        else:
            return


def kind_of(head):
    found = KIND.match(re.sub(r"^pub(\([^)]*\))? ", "", head))
    return found[1] if found else None


def name_of(head):
    found = re.search(r"\b(?:fn|struct|enum|trait|mod|const|static|type|union|macro_rules!) (\w+)", head)
    return found[1] if found else None


def subject(head):
    """Of an `impl`: the trait, if there is one, and the name of the type."""
    rest = re.sub(r"^(?:unsafe )?impl(?:<(?:[^<>]|<[^<>]*>)*>)? ", "", head)
    rest = rest.split(" where ")[0]
    before, of, after = rest.partition(" for ")
    found = re.match(r"(?:&(?:'\w+ )?)?(?:\w+::)*(\w+)", after if of else before)
    return (before if of else None), (found[1] if found else "")


def members(kind, head, body, attributes):
    """The lines of a type or a trait."""
    name = name_of(head)
    marks = [mark for mark in attributes if re.match(r"#\[(derive|non_exhaustive|must_use|default)", mark)]
    marks = " ".join(sorted(re.sub(r' = ""', "", mark) for mark in marks))
    if kind == "struct" and body is None:
        # The fields of a tuple that are not public are told only by their number.
        fields = re.search(r"\((.*)\)", head)
        if fields:
            shown = [part if part.startswith("pub ") else "_" for part in parts(fields[1])]
            head = f"{head[: fields.start()]}({', '.join(shown)})"
    yield f"{head} {marks}".strip()
    if kind == "struct" and body is not None:
        for field in parts(re.sub(r"#\[[^\]]*\]", "", body)):
            if field.startswith("pub "):
                yield f"{name}.{field[4:]}"
    elif kind == "enum":
        for variant in parts(re.sub(r"#\[[^\]]*\]", "", body)):
            yield f"{name}::{variant}"
    elif kind == "trait":
        for _, inner, given in items(body):
            yield f"{name}::{inner}{' (given)' if given is not None else ''}"


def lines(text, types):
    """The lines of a file: those of public items, and of implementations for types of these names."""
    for attributes, head, body in items(bare(text)):
        kind = kind_of(head)
        if kind == "impl":
            trait, name = subject(head)
            if name not in types:
                continue
            if trait is not None:
                yield head
                continue
            for _, inner, _ in items(body):
                if inner.startswith("pub "):
                    yield f"{name}::{inner[4:]}"
        elif kind is None:
            if "!" in head:
                yield spaced(f"{head} {{{body or ''}}}")
        elif kind == "macro_rules!":
            if any("macro_export" in mark for mark in attributes):
                yield f"{head} {spaced(body)}"
        elif not head.startswith("pub "):
            continue
        elif kind in ("struct", "enum", "trait", "union"):
            yield from members(kind, head[4:], body, attributes)
        elif kind in ("const", "static"):
            yield head[4:].split(" = ")[0]
        elif not (kind == "mod" and body is not None):
            yield head[4:]


def sources(root, crate):
    head = os.path.join(root, crate, "src")
    for folder, folders, files in os.walk(head):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".rs") and not folder.endswith(f"{os.sep}bin"):
                with open(os.path.join(folder, file), encoding="utf-8") as opened:
                    path = os.path.relpath(os.path.join(folder, file), head)[: -len(".rs")].split(os.sep)
                    yield "::".join([crate] + [part for part in path if part != "lib"]), opened.read()


def types_of(text):
    found = {name_of(head) for _, head, _ in items(bare(text)) if head.startswith("pub ") and kind_of(head) != "use"}
    return {name for name in found if name}


def named(listed, names):
    """The lines about items of these names."""
    for line in listed:
        words = re.match(r"(?:(?:struct|enum|trait|type|fn|const) )?(\w+)", line)
        if line.startswith("impl") and subject(line)[1] in names or words and words[1] in names:
            yield line


def listing(root, crate):
    files = dict(sources(root, crate))
    root_text = files[crate]
    shown = {}
    if crate == "protocol":
        types = set().union(*(types_of(text) for text in files.values()))
        shown = {module: set(lines(text, types)) for module, text in files.items()}
    else:
        shown[crate] = set()
        for _, head, _ in items(bare(root_text)):
            path = re.fullmatch(r"pub use (?:((?:\w+::)*)(\w+)|((?:\w+::)*)\{(.*)\})", head)
            if not path:
                continue
            shown[crate].add(head[4:])
            module = f"{crate}::{path[1] or path[3] or ''}".removesuffix("::")
            if module in files and module != crate:
                found = lines(files[module], types_of(files[module]))
                names = {path[2]} if path[2] else set(parts(path[4]))
                shown.setdefault(module, set()).update(named(found, names))
    told = []
    for module in sorted(module for module, found in shown.items() if found):
        told += [f"{module}"] + [f"  {line}" for line in sorted(shown[module])]
    return told


CRATES = ("protocol", "node")


def differences(root):
    for crate in CRATES:
        path = os.path.join(root, KEPT, f"{crate}.txt")
        kept = open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
        yield from difflib.unified_diff(kept, listing(root, crate), f"{KEPT}/{crate}.txt", f"{crate}/src", lineterm="", n=0)


def self_test():
    planted = {
        "protocol/src/items/validator.rs": ("fn header(&self, header: &Header)", "fn header(&self, header: Header)"),
        "protocol/src/time.rs": ("pub struct Time", "pub struct Times"),
        "node/src/embed.rs": ("pub async fn send(&self", "pub async fn send(&mut self"),
        "node/src/lib.rs": ("pub use embed::Node;", ""),
        "node/src/embed/error.rs": ("    NoRuntime,", "    NoRuntime(u8),"),
    }
    unnoticed = 0
    for file, (old, new) in planted.items():
        with tempfile.TemporaryDirectory() as copy:
            for part in ("protocol/src", "node/src", KEPT):
                shutil.copytree(os.path.join(ROOT, part), os.path.join(copy, part))
            path = os.path.join(copy, file)
            text = open(path, encoding="utf-8").read()
            assert old in text, f"{file} has no {old!r}"
            with open(path, "w", encoding="utf-8") as opened:
                opened.write(text.replace(old, new, 1))
            found = bool(list(differences(copy)))
            unnoticed += not found
            print(f"{file}: {'noticed' if found else 'UNNOTICED'}")
    return 1 if unnoticed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments == ["--write"]:
        os.makedirs(os.path.join(ROOT, KEPT), exist_ok=True)
        for crate in CRATES:
            with open(os.path.join(ROOT, KEPT, f"{crate}.txt"), "w", encoding="utf-8") as opened:
                opened.write("\n".join(listing(ROOT, crate)) + "\n")
        return 0
    if arguments:
        print(open(__file__, encoding="utf-8").read().split("\n\n")[0])
        return 2
    found = list(differences(ROOT))
    if not found:
        print("public API: as listed")
        return 0
    print("\n".join(found))
    print("public API: the sources differ from the listing. If that is meant, run scripts/public-api.py --write, and say")
    print("in CHANGELOG.md what changes for programs that use the crate.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
