"""Read the output of valgrind's callgrind with --separate-callers and --dump-instr=yes: costs by chain of callers."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from .inlined import chains

NAME = re.compile(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?")


def read(lines: Iterable[str], counts: Callable[[str], bool] = lambda chain: True) -> Iterator[tuple[list[str], int]]:
    """The stacks, outermost function first, and the instructions of each without its callees.

    `counts` selects stacks by their chain of callers: "innermost'caller'caller of the caller". A function without a name gets
    the name of its program in brackets: "[postgres]".
    """
    names: dict[tuple[str, str], str] = {}      # the file gives each name once, and then its number
    programs: dict[str, str] = {}               # of functions without a name
    costs: Counter[tuple[str, str, int]] = Counter()
    program = callee_program = chain = ""
    address = 0
    call = counted = False
    for line in lines:
        if found := NAME.match(line):
            callee, kind, number, name = found.groups()
            name = names.setdefault((kind, number), name) if name is not None else names[kind, number]
            if kind == "ob":
                callee_program = name
                program = program if callee else name
            else:
                if name.startswith("0x"):
                    programs[name.split("'")[0]] = f"[{PurePath(callee_program if callee else program).name}]"
                if not callee:
                    chain, counted = name, counts(name)
                callee_program = program
        elif line.startswith("calls="):
            call = True                         # the next cost is the callee's, and counted there
        elif line[:1] in "0+-*" and line.strip():
            position, cost = line.split()
            if position[0] in "+-":
                address += int(position)
            elif position != "*":
                address = int(position, 16)
            if counted and not call:
                costs[program, chain, address] += int(cost)
            call = False
    stacks = {chain: [programs.get(name, name) for name in reversed(chain.split("'"))] for _, chain, _ in costs}
    inlined = chains((program, address) for program, _, address in costs)
    for (program, chain, address), cost in costs.items():
        yield stacks[chain] + inlined.get((program, address), []), cost
