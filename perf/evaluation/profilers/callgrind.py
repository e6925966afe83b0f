"""Reads what valgrind's callgrind writes with --separate-callers and --dump-instr=yes: costs by chain of callers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from .inlined import chains

NAME = re.compile(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?")


def read(lines: Iterable[str]) -> Iterator[tuple[list[str], int]]:
    """The stacks, the outermost function first, and the instructions that each took by itself.

    A function without a name gets that of its program in brackets: "[postgres]".
    """
    names: dict[tuple[str, str], str] = {}      # names are given once, then by number
    objects: dict[str, str] = {}                # where a function without a name is
    costs: Counter[tuple[str, str, int]] = Counter()
    program = callee_program = function = ""
    address = 0
    call = False
    for line in lines:
        if found := NAME.match(line):
            callee, kind, number, name = found.groups()
            name = names.setdefault((kind, number), name) if name is not None else names[kind, number]
            if kind == "ob":
                callee_program = name
                program = program if callee else name
            else:
                objects.setdefault(name.split("'")[0], callee_program if callee else program)
                function = function if callee else name
                callee_program = program
        elif line.startswith("calls="):
            call = True                         # what follows is the callee's, and counted there
        elif line[:1] in "0+-*" and line.strip():
            position, cost = line.split()
            if position[0] in "+-":
                address += int(position)
            elif position != "*":
                address = int(position, 16)
            if not call:
                costs[program, function, address] += int(cost)
            call = False
    def title(name: str) -> str:
        return f"[{PurePath(objects.get(name, '?')).name}]" if name.startswith("0x") else name
    stacks = {function: [*map(title, reversed(function.split("'")))] for _, function, _ in costs}
    inlined = chains((program, address) for program, _, address in costs)
    for (program, function, address), cost in costs.items():
        yield stacks[function] + inlined.get((program, address), []), cost
