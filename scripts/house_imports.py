"""Which module of a crate imports which, read from its sources, and the circles among them. For scripts/check-house.py.

Formatted sources are read line by line, not parsed: `use` trees, and paths that begin with `crate`, `self` or `super`. What a module
passes on (`pub use`) is an import of the module that defines it, by those who use it. Macros and conditional parts are taken as they stand.
"""

import re

USE = re.compile(r"^ *(pub(?:\([^)]*\))? )?use ([^;]+);", re.M)
INLINE = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")


def split_group(text):
    """The parts between commas that are outside of inner braces."""
    parts, depth, part = [], 0, ""
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    return parts + [part]


def expanded(text):
    """Every path of a use tree, as components, and the name to which it is renamed."""
    text = text.strip()
    if not text:
        return
    head, brace, rest = text.partition("{")
    if brace:
        base = [part for part in head.strip().split("::") if part]
        for part in split_group(rest.rsplit("}", 1)[0]):
            for path, name in expanded(part):
                yield base + path, name
        return
    path, _, name = text.partition(" as ")
    path = path.strip().split("::")
    yield path, (name.strip() or path[-1])


class Modules:
    """The modules of a crate's library: the file of each, and its imports."""

    def __init__(self, tree, crate):
        self.files, self.text, self.uses, self.passed_on = {}, {}, {}, {}
        head = f"{crate}/src/"
        for file in tree.rust:
            if file.startswith(head) and file != head + "main.rs" and not file.startswith(head + "bin/"):
                path = tuple(file[len(head) : -len(".rs")].split("/"))
                path = path[:-1] if path[-1] in ("mod", "lib") else path
                self.files[path] = file
                # Without comments; the lines stay where they are.
                self.text[path] = re.sub(r"//[^\n]*", "", tree.text(file))
        for module, text in self.text.items():
            self.uses[module], self.passed_on[module] = self.read(text)

    @staticmethod
    def read(text):
        """The paths that a module's text names (with the line), and the names that it passes on."""
        uses, passed_on = [], {}
        rest = USE.sub(lambda match: "\n" * match[0].count("\n"), text)
        for match in USE.finditer(text):
            number = text.count("\n", 0, match.start()) + 1
            for path, name in expanded(match[2]):
                if match[1]:
                    passed_on.setdefault(name, []).append(path)
                # A module doesn't depend on a name that it only passes on.
                if not match[1] or re.search(rf"\b{re.escape(name)}\b", rest):
                    uses.append((path, number))
        for match in INLINE.finditer(rest):
            uses.append((match[0].split("::"), rest.count("\n", 0, match.start()) + 1))
        return uses, passed_on

    def resolve(self, module, path, depth=0):
        """The module that defines a path which `module` names; `None` if it is outside of the crate."""
        base, rest = module, list(path)
        if rest[0] == "crate":
            base, rest = (), rest[1:]
        elif rest[0] in ("self", "super"):
            while rest and rest[0] in ("self", "super"):
                base, rest = (base[:-1] if rest[0] == "super" else base), rest[1:]
        elif base + (rest[0],) not in self.files:
            return None
        while rest and base + (rest[0],) in self.files:
            base, rest = base + (rest[0],), rest[1:]
        if rest and depth < 8:
            for name in (rest[0], "*"):
                for passed in self.passed_on.get(base, {}).get(name, []):
                    found = self.resolve(base, passed[:-1] if name == "*" else passed, depth + 1)
                    if found is not None and (name != "*" or self.defines(found, rest[0])):
                        return found
        return base

    def defines(self, module, name):
        return re.search(rf"\b(?:struct|enum|trait|type|fn|const|static|union) {re.escape(name)}\b", self.text[module])

    def edges(self):
        """Which module imports which, and the line of the first import. A head and the files in its folder are one."""
        edges = {}
        for module, uses in self.uses.items():
            for path, number in uses:
                target = self.resolve(module, path)
                if target is None or target not in self.files:
                    continue
                if target[: len(module)] != module and module[: len(target)] != target:
                    edges.setdefault(module, {}).setdefault(target, number)
        return edges


def circles(edges):
    """Sets of nodes that reach each other, by Tarjan's algorithm without recursion."""
    index, low, stack, on, found = {}, {}, [], set(), []
    for root in sorted(edges):
        if root in index:
            continue
        work = [(root, iter(sorted(edges.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on.add(target)
                    work.append((target, iter(sorted(edges.get(target, ())))))
                    break
                if target in on:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = []
                    while not circle or circle[-1] != node:
                        circle.append(stack.pop())
                        on.discard(circle[-1])
                    if len(circle) > 1:
                        found.append(sorted(circle))
    return found


def way_round(edges, circle):
    """A shortest path from the first of a circle back to itself."""
    first, seen, queue = circle[0], {}, [circle[0]]
    for node in queue:
        for target in sorted(edges.get(node, ())):
            if target == first:
                way = [node]
                while way[-1] != first:
                    way.append(seen[way[-1]])
                return way[::-1] + [first]
            if target in circle and target not in seen:
                seen[target] = node
                queue.append(target)
    return circle
