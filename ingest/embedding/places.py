"""The places of cells: intensities in, coordinates of a sample out, as SMProfiler computes them."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy
from problems import EmbedError

PROGRAM = Path(__file__).with_name("reduction.py")
SIDE = 5000                # the largest x or y, whichever is smaller
LARGEST = 2**31 - 1        # coordinates are integers of 4 bytes


@dataclass
class Settings:
    neighbors: int
    min_dist: float
    seed: int


def channels_to_use(intensities: numpy.ndarray) -> numpy.ndarray:
    """Return for each channel whether it has more than two values."""
    return numpy.array([len(numpy.unique(channel)) > 2 for channel in intensities.T], dtype=bool)


def reduce(
    intensities: numpy.ndarray, settings: Settings, wait: Callable[[], None],
) -> numpy.ndarray:
    """Run UMAP in another process, and call `wait` several times a second."""
    arguments = [os.getpid(), settings.neighbors, settings.min_dist, settings.seed]
    command = [sys.executable, "-P", str(PROGRAM), *map(str, arguments)]
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(tempfile.TemporaryFile())
        numpy.save(given, intensities)
        given.seek(0)
        # In a session of its own, the process does not get the SIGINT of a terminal.
        process = stack.enter_context(subprocess.Popen(
            command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True))
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    out, err = process.communicate(timeout=0.2)
                    break
                wait()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        killed = "it was killed, perhaps for lack of memory: use fewer --cells"
        raise EmbedError(f"UMAP failed: {lines[-1] if lines else killed}")
    with contextlib.suppress(ValueError, EOFError):
        places = numpy.load(io.BytesIO(out), allow_pickle=False)
        if places.shape == (len(intensities), 2) and numpy.isfinite(places).all():
            return places
    raise EmbedError("UMAP failed: it has not placed every cell")


def scaled(places: numpy.ndarray) -> numpy.ndarray:
    """Scale the places, and shift them as SMProfiler does when it packs them.

    SMProfiler stores the scaled numbers, and shifts both axes if a number is 1 or less. All steps
    are in the precision of the places, as there.
    """
    one = places.dtype.type(1)
    size = places.max(axis=0).min()
    extent = (places.max(axis=0) - places.min(axis=0)).min()
    # SMProfiler divides by a size that could be negative or nearly 0: scale the extent then.
    if size <= 0 or (places.max(axis=0) - places.min(axis=0)).max() / size * SIDE > LARGEST:
        size = extent if extent > 0 else one
    result = (SIDE / size).astype(places.dtype) * places
    least = result.min(axis=0)
    if (least <= 1).any():
        result = result - least + one
    return result
