"""The heap at its peak, by valgrind's massif: all allocated bytes by caller. The figure is repeatable."""

from pathlib import Path

import flame

from . import massif
from .base import Finished, Profile, Profiler, Target, Unavailable
from .replay import Replay
from .valgrind import command, refuse_running, run_command

# An exact peak, and one detailed snapshot.
OPTIONS = ["--massif-out-file=./massif", "--peak-inaccuracy=0.0", "--detailed-freq=1000", "--depth=100", "--threshold=0.01",
           "--read-inline-info=yes"]


class Heap(Profiler):
    name = "heap"
    title = "Heap at its peak"
    unit = "bytes"
    replays = True

    def start(self, target: Target, scratch: Path) -> Finished:
        """For SQL, the peak includes the heap of an idle backend, which the facts have as "idle"."""
        refuse_running(target)
        valgrind = command("massif", *OPTIONS)
        facts = {}
        if target.kind == "sql":
            replay = Replay.of(target)
            idle, _ = massif.peak((replay.run(valgrind, replay.setup) / "massif").read_text())
            total, tree = massif.peak((replay.run(valgrind, [*replay.setup, *replay.workload]) / "massif").read_text())
            if total <= idle:
                raise Unavailable(f"the workload's peak is not above that of the idle session, {idle:,} bytes; use a larger workload")
            facts["idle"] = idle
        else:
            run_command(valgrind, target.argv, scratch)
            total, tree = massif.peak((scratch / "massif").read_text())
        return Finished(Profile(self.unit, total, flame.from_stacks(massif.read(tree)), facts))
