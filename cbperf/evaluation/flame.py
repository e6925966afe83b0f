"""Flame graph trees: made of stacks, compared, and asked for the guilty.

A tree is {"name", "value", "children"}: value is a number that includes that of the children, and the root is named
"all". Names in square brackets are no functions: "[postgres]" is a function of that program whose name is not known,
"[smaller]" and "[deeper]" stand for what was left out. Frames of the kernel end with "_[k]".
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

ROOT = "all"
SMALLER = "[smaller]"
DEEPER = "[deeper]"
MAX_DEPTH = 100
LEAST_SHARE = 0.0005     # of the whole; what is smaller is put together, for each parent

# What compilers and linkers hang onto the names of functions.
SUFFIX = re.compile(r"(@plt|@@?[A-Z]+_[\w.]+|\.(constprop|part|isra|cold|lto_priv|llvm)(\.\d+)*)+$")

# Functions that work for whoever calls them: what they do is the caller's doing.
HELPER = re.compile(r"""
    .*_\[k\] | \[.*\]                                                       # the kernel; functions without a name
  | _*(int_)?(malloc|calloc|realloc|free|memalign|cfree)(_\w+)? | _*libc_(malloc|calloc|realloc|free) | malloc_consolidate
  | unlink_chunk | sysmalloc | systrim | _*mmap(64)? | _*munmap | _*mremap | _*madvise | _*s?brk
  | _*(mem(cpy|move|set|cmp|chr|pcpy)|str(n?len|n?cpy|n?cmp|chr|chrnul|rchr))(_\w+)? | _dl_\w+ | do_lookup_x | check_match
  | \(heap\ allocation\ functions\).*
  | palloc\w* | repalloc\w* | pfree | pstrdup | pnstrdup | MemoryContext\w+ | (AllocSet|Generation|Slab|Bump|AlignedAlloc)\w*
  | BogusFree | enlargeStringInfo | appendBinaryStringInfo\w* | resetStringInfo | makeStringInfo | initStringInfo\w*
""", re.VERBOSE)


def clean(frame: str) -> str:
    """A function's name as in the source."""
    return SUFFIX.sub("", frame)


def is_helper(frame: str) -> bool:
    return HELPER.fullmatch(frame) is not None


def fold(frames: Iterable[str]) -> list[str]:
    """Clean names from main() on, where a function that calls itself counts once."""
    folded: list[str] = []
    for frame in map(clean, frames):
        if frame == "main":
            folded = [frame]
        elif not folded or folded[-1] != frame:
            folded.append(frame)
    return folded


class Node:
    """A node in the making. own: what is not the children's."""

    __slots__ = ("own", "children")

    def __init__(self):
        self.own = 0
        self.children: defaultdict[str, Node] = defaultdict(Node)

    def finish(self, name: str, least: float) -> dict:
        """As tree; the children in the order of their names, as flame graphs have them."""
        children = [child.finish(child_name, least) for child_name, child in self.children.items()]
        value = self.own + sum(child["value"] for child in children)
        kept = [child for child in children if child["value"] >= least and child["name"] != SMALLER]
        smaller = sum(child["value"] for child in children) - sum(child["value"] for child in kept)
        if smaller:
            kept.append({"name": SMALLER, "value": smaller, "children": []})
        return {"name": name, "value": value, "children": sorted(kept, key=lambda child: child["name"])}


def from_stacks(stacks: Iterable[tuple[Iterable[str], int]], max_depth: int = MAX_DEPTH, least_share: float = LEAST_SHARE) -> dict:
    """A tree of (frames, the outermost first; value). Frames below max_depth become "[deeper]"."""
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
    """What a node did by itself."""
    return tree["value"] - sum(child["value"] for child in tree["children"])


def stacks(tree: dict, above: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], int]]:
    """The reverse of from_stacks."""
    if own(tree):
        yield above, own(tree)
    for child in tree["children"]:
        yield from stacks(child, (*above, child["name"]))


def merge(*trees: dict) -> dict:
    """The sum of trees. Nothing is left out that was not."""
    return from_stacks((stack for tree in trees for stack in stacks(tree)), max_depth=10**6, least_share=0)


def difference(base: dict, new: dict) -> dict:
    """The differential tree of two. Each node has delta, what new has more, and base.

    Its value is the larger of both, or that of its children together where these need more room to be drawn.
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
    """The n functions whose own value changed most in a differential tree: {"frame", "delta"}.

    First comes what explains the change of the whole: of a growth what grew most, else what shrank most. What helpers
    (allocators, memcpy, the kernel) did is charged to their nearest caller that is none.
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
