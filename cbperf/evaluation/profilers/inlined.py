"""Inlined functions, from the debug information of programs and libraries."""

import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

Chains = dict[tuple[str, int], list[str]]


@cache
def has_debug_information(program: str) -> bool:
    try:
        return b"\0.debug_info\0" in Path(program).read_bytes()
    except OSError:
        return False


def chains(places: Iterable[tuple[str, int]]) -> Chains:
    """The functions that are inlined at places (file, address in it), outermost first.

    Places without inlined functions and unknown places are left out. Without binutils, the result is empty.
    """
    addresses: dict[str, set[int]] = {}
    for program, address in places:
        if has_debug_information(program):
            addresses.setdefault(program, set()).add(address)
    found: Chains = {}
    for program in addresses if shutil.which("addr2line") else ():
        text = "".join(f"{address:#x}\n" for address in sorted(addresses[program]))
        output = subprocess.run(["addr2line", "-a", "-C", "-f", "-i", "-e", program], input=text, capture_output=True, text=True, check=False)
        for block in output.stdout.split("\n0x"):
            # A block has the address, and then the name and place of each function, innermost first. The others are inlined in the last one.
            address, *lines = block.removeprefix("0x").splitlines() or [""]
            inlined = lines[0:-2:2]
            if inlined:
                found[program, int(address, 16)] = inlined[::-1]
    return found
