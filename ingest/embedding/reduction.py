"""UMAP of intensities, in a process of its own: numbers come on standard input, and go to output.

numba's compiled code neither answers signals nor lets other threads work. The process that reads
the database can end this one at any time.
"""

import contextlib
import ctypes
import io
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import numpy

QUANTILES = 1000
PR_SET_PDEATHSIG = 1


def main(neighbors: int, min_dist: float, seed: int) -> None:
    given = numpy.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    result = io.BytesIO()
    numpy.save(result, reduced(given, neighbors, min_dist, seed))
    sys.stdout.buffer.write(result.getbuffer())


def reduced(intensities: numpy.ndarray, neighbors: int, min_dist: float, seed: int):
    """Return a point in the plane for each row."""
    warnings.filterwarnings("ignore", "n_jobs value")     # a fixed seed excludes several threads
    from sklearn.preprocessing import QuantileTransformer
    from umap import UMAP

    quantiles = QuantileTransformer(
        n_quantiles=min(QUANTILES, len(intensities)), random_state=seed)
    return UMAP(n_neighbors=neighbors, min_dist=min_dist, random_state=seed).fit_transform(
        quantiles.fit_transform(intensities))


def end_with(parent: int) -> None:
    """Let Linux end this process when its parent has ended, however that happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


@contextlib.contextmanager
def cache():
    """Set the folder in which numba keeps compiled code, because it fails if it finds none."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(home) / "cell_binary" / "numba"
    with contextlib.ExitStack() as stack:
        if "NUMBA_CACHE_DIR" not in os.environ:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="embed."))
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
        yield


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    with cache():
        main(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
