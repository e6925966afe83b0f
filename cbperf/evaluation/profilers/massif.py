"""Read the output of valgrind's massif: the heap at its peak, by chain of callers."""

import re
from collections.abc import Iterator
from pathlib import PurePath

import flame

HEAD = re.compile(r"mem_heap_B=(\d+)")
NODE = re.compile(r"( *)n\d+: (\d+) (.*)")
PLACE = re.compile(r"0x[0-9A-F]+: (.*?)(?: \((?:in (.*)|[^()]*)\))?")


def peak(text: str) -> tuple[int, str]:
    """The bytes at the peak, and the lines of its tree."""
    found = (0, "")
    for snapshot in text.split("\nsnapshot=")[1:]:
        head, _, tree = snapshot.partition("heap_tree=peak\n")
        size = HEAD.search(head)
        if tree and size:
            found = max(found, (int(size[1]), tree))
    return found


def function(place: str) -> str | None:
    """The name of a function, or None. At the start of a program, massif takes other words on the stack for return addresses."""
    found = PLACE.fullmatch(place)
    if not found:
        return flame.SMALLER                    # "in 5 places, all below massif's threshold"
    name, program = found.groups()
    return name if name != "???" else f"[{PurePath(program).name}]" if program else None


def read(tree: str) -> Iterator[tuple[list[str], int]]:
    """The stacks, outermost function first, and their bytes.

    In massif's tree, the children of a function are its callers. The caller "[smaller]" stands for callers that massif left out.
    """
    path: list[tuple[str | None, int]] = []     # function, and bytes not yet assigned to a caller

    def leave(depth: int) -> Iterator[tuple[list[str], int]]:
        while len(path) > depth:
            if path[-1][1]:
                yield [name for name, _ in path[:0:-1] if name], path[-1][1]
            path.pop()
    for line in tree.splitlines():
        found = NODE.match(line)
        if not found:
            break
        depth, size = len(found[1]), int(found[2])
        yield from leave(depth)
        if path:
            name, rest = path[-1]
            path[-1] = name, rest - size
        path.append((function(found[3]), size))
    yield from leave(0)
