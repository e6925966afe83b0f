"""Instructions, counted by valgrind's callgrind. Other work on the machine does not change the figure."""

from collections.abc import Callable, Iterator
from pathlib import Path

import flame

from . import callgrind
from .base import Finished, Profile, Profiler, Target, Unavailable
from .replay import Replay
from .valgrind import command, refuse_running, run_command

CALLERS = 100       # length of the chains of callers

# The output has the address of each cost, to find inlined functions.
OPTIONS = ["--callgrind-out-file=./callgrind", f"--separate-callers={CALLERS}", "--dump-instr=yes", "--dump-line=no"]


def is_execution(chain: str) -> bool:
    """Whether PortalRun is in the chain. Parsing and planning do not count, because they depend on caches. A truncated chain counts."""
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
        """For SQL, count the executor's instructions in the second execution of the workload in a session."""
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
        """The files of the workload's statements. callgrind writes a file whenever Postgres calls ReadyForQuery to read the next input."""
        inputs = [*replay.setup, *replay.workload, *replay.workload]
        output = replay.run([*valgrind, "--dump-before=ReadyForQuery"], inputs)
        last = 2 + len(inputs)      # the first file is for the start, the second for the setup of the session
        if not (output / f"callgrind.{last}").exists() or (output / f"callgrind.{last + 1}").exists():
            raise Unavailable("callgrind did not find the start of statements; is ReadyForQuery a symbol of this server's program?")
        return [output / f"callgrind.{number}" for number in range(last - len(replay.workload) + 1, last + 1)]
