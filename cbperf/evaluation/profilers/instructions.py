"""Instructions, counted by valgrind's callgrind: repeatable, whatever else the machine does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import flame

from . import callgrind
from .base import Finished, Profile, Profiler, Target, Unavailable
from .replay import Replay
from .valgrind import command, refuse_running, run_command

CALLERS = 100       # of each function that are told apart

# Costs have their addresses, from which the inlined functions are found.
OPTIONS = ["--callgrind-out-file=./callgrind", f"--separate-callers={CALLERS}", "--dump-instr=yes", "--dump-line=no"]


def is_execution(chain: str) -> bool:
    """Whether it is PortalRun that called: parsing and planning before depend on what is cached. A chain that is cut off counts."""
    return "'PortalRun'" in f"'{chain}" or chain.count("'") >= CALLERS - 1


def read(path: Path, counts: Callable[[str], bool] = lambda chain: True) -> Iterator[tuple[list[str], int]]:
    with path.open(errors="replace") as lines:
        yield from callgrind.read(lines, counts)


class Instructions(Profiler):
    name = "instructions"
    title = "Instructions"
    unit = "instructions"
    replays = True

    def start(self, target: Target, scratch: Path) -> Finished:
        """Of SQL: the executor's, in the second execution of the workload in a session."""
        refuse_running(target)
        valgrind = command("callgrind", *OPTIONS)
        if target.kind == "sql":
            stacks = (stack for part in self.parts(valgrind, Replay.of(target)) for stack in read(part, is_execution))
        else:
            run_command(valgrind, target.argv, scratch)
            stacks = read(scratch / "callgrind")
        tree = flame.from_stacks(stacks)
        return Finished(Profile(self.unit, tree["value"], tree))

    def parts(self, valgrind: list[str], replay: Replay) -> list[Path]:
        """A file for each statement. Postgres calls ReadyForQuery before it reads an input, and callgrind then writes what it has."""
        inputs = [*replay.setup, *replay.workload, *replay.workload]
        output = replay.run([*valgrind, "--dump-before=ReadyForQuery"], inputs)
        last = 2 + len(inputs)      # the first is of the start, the second of what makes the session
        if not (output / f"callgrind.{last}").exists() or (output / f"callgrind.{last + 1}").exists():
            raise Unavailable("callgrind did not see where statements begin; is ReadyForQuery a symbol of this server's program?")
        return [output / f"callgrind.{number}" for number in range(last - len(replay.workload) + 1, last + 1)]
