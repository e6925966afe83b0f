"""Flame graph trees: make them from stacks, compare them, and find the functions that explain a difference.

A tree is {"name", "value", "children"}. The value includes the values of the children, and the root's name is "all". A name
in square brackets is not the name of a function: "[postgres]" is a function of that program whose name is unknown, and
"[smaller]" and "[deeper]" stand for frames that were left out. The names of the kernel's functions end with "_[k]".
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

ROOT = "all"
SMALLER = "[smaller]"
DEEPER = "[deeper]"
MAX_DEPTH = 100
LEAST_SHARE = 0.0005     # of the whole; smaller children of a node are merged into one

# Suffixes that compilers and linkers add to names of functions.
SUFFIX = re.compile(r"(@plt|@@?[A-Z]+_[\w.]+|\.(constprop|part|isra|cold|lto_priv|llvm)(\.\d+)*)+$")

# Functions that work for their caller, which gets their cost.
HELPER = re.compile(r"""
    .*_\[k\] | \[.*\]                                                       # the kernel, and functions without a name
  | _*(int_)?(malloc|calloc|realloc|free|memalign|cfree)(_\w+)? | _*libc_(malloc|calloc|realloc|free) | malloc_consolidate
  | unlink_chunk | sysmalloc | systrim | _*mmap(64)? | _*munmap | _*mremap | _*madvise | _*s?brk
  | _*(mem(cpy|move|set|cmp|chr|pcpy)|str(n?len|n?cpy|n?cmp|chr|chrnul|rchr))(_\w+)? | _dl_\w+ | do_lookup_x | check_match
  | \(heap\ allocation\ functions\).*
  | palloc\w* | repalloc\w* | pfree | pstrdup | pnstrdup | MemoryContext\w+ | (AllocSet|Generation|Slab|Bump|AlignedAlloc)\w*
  | BogusFree | enlargeStringInfo | appendBinaryStringInfo\w* | resetStringInfo | makeStringInfo | initStringInfo\w*
""", re.VERBOSE)


def clean(frame: str) -> str:
    """The name of a function in the source."""
    return SUFFIX.sub("", frame)


def is_helper(frame: str) -> bool:
    return HELPER.fullmatch(frame) is not None


def fold(frames: Iterable[str]) -> list[str]:
    """The clean names from main() on. A function that calls itself directly appears once."""
    folded: list[str] = []
    for frame in map(clean, frames):
        if frame == "main":
            folded = [frame]
        elif not folded or folded[-1] != frame:
            folded.append(frame)
    return folded


class Node:
    """A node under construction. `own` is its value without the children's."""

    __slots__ = ("own", "children")

    def __init__(self):
        self.own = 0
        self.children: defaultdict[str, Node] = defaultdict(Node)

    def finish(self, name: str, least: float) -> dict:
        """The node as a tree, with the children in the order of their names, as in flame graphs."""
        children = [child.finish(child_name, least) for child_name, child in self.children.items()]
        value = self.own + sum(child["value"] for child in children)
        kept = [child for child in children if child["value"] >= least and child["name"] != SMALLER]
        smaller = sum(child["value"] for child in children) - sum(child["value"] for child in kept)
        if smaller:
            kept.append({"name": SMALLER, "value": smaller, "children": []})
        return {"name": name, "value": value, "children": sorted(kept, key=lambda child: child["name"])}


def from_stacks(stacks: Iterable[tuple[Iterable[str], int]], max_depth: int = MAX_DEPTH, least_share: float = LEAST_SHARE) -> dict:
    """A tree made from pairs of frames (outermost first) and value. Frames below max_depth become "[deeper]"."""
    root = Node()
    total = 0
    for frames, value in stacks:
        total += value
        node = root
        folded = fold(frames)
        for frame in folded if len(folded) <= max_depth else [*folded[:max_depth - 1], DEEPER]:
            node = node.children[frame]
        node.own += value
    return root.finish(ROOT, least_share * total)


def own(tree: dict) -> int:
    """The value of a node without its children's."""
    return tree["value"] - sum(child["value"] for child in tree["children"])


def stacks(tree: dict, above: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], int]]:
    """The reverse of from_stacks."""
    if own(tree):
        yield above, own(tree)
    for child in tree["children"]:
        yield from stacks(child, (*above, child["name"]))


def merge(*trees: dict) -> dict:
    """The sum of trees, without leaving out more frames."""
    return from_stacks((stack for tree in trees for stack in stacks(tree)), max_depth=10**6, least_share=0)


def difference(base: dict, new: dict) -> dict:
    """The differential tree of two trees. Each node has base, the value in base, and delta, the value in new less that in base.

    The value of a node is the larger of both, or the sum of its children's values if that is larger, so that a graph has room
    to draw them.
    """
    return compare(base["name"], base, new)


def compare(name: str, base: dict | None, new: dict | None) -> dict:
    pairs: dict[str, list] = {}
    for side, tree in enumerate((base, new)):
        for child in tree["children"] if tree else ():
            pairs.setdefault(child["name"], [None, None])[side] = child
    children = [compare(child, *pairs[child]) for child in sorted(pairs)]
    before, after = (tree["value"] if tree else 0 for tree in (base, new))
    return {"name": name, "value": max(before, after, sum(child["value"] for child in children)), "base": before,
            "delta": after - before, "children": children}


def guilty(tree: dict, n: int = 5) -> list[dict]:
    """The n functions whose own value changed most in a differential tree, as {"frame", "delta"}.

    If the whole grew, the function that grew most comes first; otherwise the one that shrank most. The cost of a helper
    (allocator, memcpy, the kernel) counts for its nearest caller that is not a helper.
    """
    changes: Counter[str] = Counter()

    def charge(node: dict, culprit: str) -> None:
        if not is_helper(node["name"]):
            culprit = node["name"]
        changes[culprit] += node["delta"] - sum(child["delta"] for child in node["children"])
        for child in node["children"]:
            charge(child, culprit)
    charge(tree, tree["name"])
    most = sorted((change for change in changes.items() if change[1]), key=lambda change: (-abs(change[1]), change[0]))[:n]
    most.sort(key=lambda change: change[1], reverse=tree["delta"] >= 0)
    return [{"frame": frame, "delta": delta} for frame, delta in most]
