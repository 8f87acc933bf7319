#!/usr/bin/env python3
# Compares README.md with its translation README.zh-CN.md. They must have the same headings (their number and levels),
# the same blocks of code in the same order, and in each section the same figures, the same words in backticks and the
# same links. So a change of one that is not made in the other is a failure. What a sentence says is not compared.
#
#   scripts/check-readmes.py
#   scripts/check-readmes.py --self-test   changes a figure, a command, a link and a heading of the translation in turn;
#                                          an unnoticed change is a failure
#
# Exit status: 0 they agree, 1 they do not, 2 usage.

import collections
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAMES = ("README.md", "README.zh-CN.md")

HEADING = re.compile(r"^(#+) (.*)$", re.M)
CODE = re.compile(r"^```.*?^```$", re.M | re.S)
WORDS = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)]+)\)")
FIGURE = re.compile(r"\d(?:[\d,.]*\d)?")


def sections(text):
    """Each section as its level, its heading, its blocks of code, and the rest."""
    blocks = CODE.findall(text)
    # A block holds lines that look like headings.
    bare = CODE.sub("\x00", text)
    parts = re.split(r"^(?=#+ )", bare, flags=re.M)
    found = []
    for part in parts:
        heading = HEADING.match(part)
        own = [blocks.pop(0) for _ in range(part.count("\x00"))]
        found.append((heading and len(heading.group(1)), heading and heading.group(2), own, part))
    return found


def facts(part):
    """What must be the same in a section, whatever its language: kinds of facts, each counted."""
    words = collections.Counter(" ".join(word.split()) for word in WORDS.findall(part))
    links = collections.Counter()
    for target in LINK.findall(part):
        # The anchor of a heading of the page itself is in its language, and so is the link to the other page.
        links["#" if target.startswith("#") else "the other page" if target in NAMES else target] += 1
    figures = collections.Counter(FIGURE.findall(LINK.sub("]", WORDS.sub("", part))))
    return {"figures": figures, "words in backticks": words, "links": links}


def compare(one, other):
    """The differences, in words."""
    first, second = sections(one), sections(other)
    if [level for level, *_ in first] != [level for level, *_ in second]:
        return [f"{NAMES[0]} has {len(first)} sections and {NAMES[1]} {len(second)}, or their levels differ"]
    found = []
    for (_, name, blocks, part), (_, other_name, other_blocks, other_part) in zip(first, second):
        where = f"“{name or 'the beginning'}” and “{other_name or 'the beginning'}”"
        if blocks != other_blocks:
            found.append(f"{where}: the blocks of code differ")
        theirs = facts(other_part)
        for kind, mine in facts(part).items():
            missing, more = mine - theirs[kind], theirs[kind] - mine
            if missing:
                found.append(f"{where}: {kind} only in {NAMES[0]}: {', '.join(missing.elements())}")
            if more:
                found.append(f"{where}: {kind} only in {NAMES[1]}: {', '.join(more.elements())}")
    return found


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def self_test(one, other):
    """Changes that must be noticed. Returns the names of those that were not."""
    changes = {
        "a figure": other.replace("0.233", "0.234", 1),
        "a figure that is gone": other.replace("1,000", "", 1),
        "a command": other.replace("--workspace\n", "\n", 1),
        "a word in backticks": other.replace("`node bounds`", "`node bonds`", 1),
        "a link": other.replace("(docs/STORAGE.md)", "(docs/THREATS.md)", 1),
        "a heading": other.replace("\n## ", "\n### ", 1),
        "a section": re.sub(r"\n## (?s:.*?)(?=\n## )", "", other, count=1),
    }
    return [name for name, changed in changes.items() if changed == other or not compare(one, changed)]


def main():
    args = sys.argv[1:]
    if args not in ([], ["--self-test"]):
        print("usage: scripts/check-readmes.py [--self-test]", file=sys.stderr)
        return 2
    one, other = map(read, NAMES)
    found = compare(one, other)
    for line in found:
        print(line)
    print(f"readmes: {len(sections(one))} sections, {len(found)} differences")
    if args and not found:
        unnoticed = self_test(one, other)
        print(f"unnoticed: {', '.join(unnoticed)}" if unnoticed else "every change was noticed")
        return 1 if unnoticed else 0
    return 1 if found else 0


sys.exit(main())
