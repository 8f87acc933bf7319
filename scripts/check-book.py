#!/usr/bin/env python3
# Checks that the book has every document: docs/SUMMARY.md, its table of contents, names each Markdown file of docs/
# and of docs/decisions/ once, and nothing else. mdBook leaves out a file that SUMMARY.md doesn't name, and says
# nothing.
#
#   scripts/check-book.py
#
# Exit status: 0 it has, 1 it has not.

import glob
import os
import re
import sys

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
SUMMARY = "SUMMARY.md"


def main():
    with open(os.path.join(DOCS, SUMMARY), encoding="utf-8") as file:
        named = re.findall(r"\]\(([^)]+)\)", file.read())
    there = {
        os.path.relpath(path, DOCS)
        for pattern in ("*.md", "decisions/*.md")
        for path in glob.glob(os.path.join(DOCS, pattern))
    } - {SUMMARY}
    wrong = [f"docs/{name} is not in docs/{SUMMARY}: add it" for name in sorted(there - set(named))]
    wrong += [f"docs/{SUMMARY} names {name}, which is not there" for name in sorted(set(named) - there)]
    twice = sorted({name for name in named if named.count(name) > 1})
    wrong += [f"docs/{SUMMARY} names {name} twice" for name in twice]
    for line in wrong:
        print(line)
    print(f"book: {len(there)} documents, {len(wrong)} not as they should be")
    return 1 if wrong else 0


sys.exit(main())
