"""The subsample of a study: metadata in JSON, byte 28, and the codes of the cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .buffer import read_buffer
from .codes import CODE_VALUES
from .errors import PayloadError, UnknownSample
from .intensities import MAX_CHANNELS
from .limit import MAX_CELLS, check_number

if TYPE_CHECKING:
    from typing_extensions import Buffer

SEPARATOR = b"\x1c"

# The metadata of 20,000 samples with 64 channels fits.  Python's objects can take 45 times the bytes
# of their JSON; those of the longest metadata take less than 450 MiB.
MAX_METADATA = 2**23

# More digits than a number of cells has.  Older versions of Python take minutes for a million digits.
MAX_DIGITS = 16


class SubsampleSample:
    """The cells of one sample of a subsample.

    name: the name of the sample.
    thresholds: uint8; the code of the threshold of each channel.
    codes: uint8, one row per cell and one column per channel; a view of those of the subsample.
    """

    __slots__ = ("codes", "name", "thresholds")

    def __init__(self, name: str, thresholds: NDArray[np.uint8], codes: NDArray[np.uint8]) -> None:
        self.name = name
        self.thresholds = thresholds
        self.codes = codes

    @property
    def threshold_values(self) -> NDArray[np.float64]:
        """The numbers of the thresholds, exactly those of CODE_VALUES."""
        return CODE_VALUES[self.thresholds]

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers of the codes, exactly those of CODE_VALUES, in a new array."""
        return CODE_VALUES[self.codes]

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<{len(self)} cells of sample {self.name!r}>"


class Subsample:
    """The intensities of some cells of each sample of a study.

    channel_names: a tuple; channel_names[k] is the name of the feature of channel k.
    samples: a tuple of SubsampleSample, in the order of their cells.
    codes: uint8, one row per cell of all samples and one column per channel.

    codes is a view of the payload.  It keeps the payload alive, and is read-only if
    the payload is read-only.
    """

    __slots__ = ("_by_name", "channel_names", "codes", "samples")

    def __init__(
        self, channel_names: tuple[str, ...], samples: tuple[SubsampleSample, ...], codes: NDArray[np.uint8]
    ) -> None:
        self.channel_names = channel_names
        self.samples = samples
        self.codes = codes
        self._by_name = {sample.name: sample for sample in samples}

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers of the codes, exactly those of CODE_VALUES, in a new array."""
        return CODE_VALUES[self.codes]

    def sample(self, name: str) -> SubsampleSample:
        """Return the sample of this name.  Raises UnknownSample, a KeyError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownSample(f'unknown sample "{name}" in a subsample of {len(self.samples)} samples') from None

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<{len(self)} cells of {len(self.samples)} samples, with {len(self.channel_names)} intensities each>"


def decode_subsample(
    payload: bytes | bytearray | memoryview | Buffer, *, max_cells: int | None = MAX_CELLS
) -> Subsample:
    """Decode the subsample of a study: its metadata, byte 28, and its body.

    payload is any contiguous buffer.  The codes are a view of it, and are not copied.
    Members of the metadata that format.md does not name are ignored.

    Raises PayloadError if the bytes are not a subsample, have metadata of more than
    8,388,608 bytes (2^23), or have more than max_cells cells; and TypeError if payload
    is not a contiguous buffer.
    """
    data = read_buffer(payload)
    start = data[: MAX_METADATA + 1].tobytes()
    end = start.find(SEPARATOR)
    if end < 0:
        raise PayloadError(f"byte 28, which ends the metadata, is not among the first {len(start)} bytes")
    metadata = read_metadata(start[:end])
    names = read_channel_names(metadata["channel_order"])
    samples = read_samples(metadata["subsample_counts"], len(names))

    cells = sum(count for _, count, _ in samples)
    expected = cells * len(names)
    found = len(data) - end - 1
    if found != expected:
        raise PayloadError(
            f"the metadata gives {cells} cells of {len(names)} channels, "
            f"so {expected} bytes must follow byte 28, but {found} do"
        )
    check_number(cells, max_cells)
    codes = data[end + 1 :].reshape(-1, len(names))
    return Subsample(names, cut_samples(samples, codes), codes)


def read_metadata(document: bytes) -> dict[str, Any]:
    """Return an object with the lists subsample_counts and channel_order."""
    try:
        # json.loads would also accept bytes in UTF-16 and UTF-32.
        metadata = json.loads(document.decode("utf-8"), parse_int=read_integer, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the metadata is not JSON in UTF-8: {error}") from error
    if not (
        isinstance(metadata, dict)
        and isinstance(metadata.get("subsample_counts"), list)
        and isinstance(metadata.get("channel_order"), list)
    ):
        raise PayloadError('the metadata must have the form {"subsample_counts": [...], "channel_order": [...]}')
    return metadata


def read_integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def read_channel_names(names: list[Any]) -> tuple[str, ...]:
    if not 1 <= len(names) <= MAX_CHANNELS:
        raise PayloadError(f"a subsample has 1 to {MAX_CHANNELS} channels, not {len(names)}")
    for channel, name in enumerate(names):
        if not isinstance(name, str):
            raise PayloadError(f"the name of channel {channel} is not a string")
    check_distinct("channels", names)
    return tuple(names)


def read_samples(samples: list[Any], channels: int) -> list[tuple[str, int, NDArray[np.uint8]]]:
    """Return the name, the number of cells and the thresholds of each sample."""
    descriptions = []
    for position, sample in enumerate(samples):
        members = sample if isinstance(sample, dict) else {}
        name, cells, thresholds = members.get("specimen"), members.get("count"), members.get("thresholds")
        # True is an instance of int, but its type is bool.
        if not (isinstance(name, str) and type(cells) is int and cells >= 0 and isinstance(thresholds, list)):
            raise PayloadError(
                f'sample {position} must have the form {{"specimen": "...", "count": CELLS, "thresholds": [...]}}'
            )
        if len(thresholds) != channels:
            raise PayloadError(f"sample {position} has {len(thresholds)} thresholds for {channels} channels")
        for channel, code in enumerate(thresholds):
            if not (type(code) is int and 0 <= code <= 255):
                raise PayloadError(
                    f"the threshold of channel {channel} of sample {position} is not an integer from 0 to 255"
                )
        descriptions.append((name, cells, np.array(thresholds, np.uint8)))
    check_distinct("samples", [name for name, _, _ in descriptions])
    return descriptions


def check_distinct(things: str, names: list[str]) -> None:
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        if positions.setdefault(name, position) != position:
            raise PayloadError(f"{things} {positions[name]} and {position} have the same name")


def cut_samples(
    samples: list[tuple[str, int, NDArray[np.uint8]]], codes: NDArray[np.uint8]
) -> tuple[SubsampleSample, ...]:
    """Give each sample its rows."""
    cut = []
    end = 0
    for name, cells, thresholds in samples:
        start, end = end, end + cells
        cut.append(SubsampleSample(name, thresholds, codes[start:end]))
    return tuple(cut)
