"""Functions that the compiler put into others, from the debug information of those programs and libraries that have it."""

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
    """Of places (file, address in it): the functions that are inlined there, the outermost first.

    A place where there is none, or that is not known, is left out; all are if binutils are not installed.
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
            # The address; then name and place of each function, the innermost first. The last one has the others inlined.
            address, *lines = block.removeprefix("0x").splitlines() or [""]
            inlined = lines[0:-2:2]
            if inlined:
                found[program, int(address, 16)] = inlined[::-1]
    return found
