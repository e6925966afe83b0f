"""Subsamples: payloads made by hand and of random samples, errors, and hostile metadata."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

from cell_binary import CODE_VALUES, PayloadError, Subsample, SubsampleSample, UnknownSample, decode_subsample

# The example of a subsample in format.md.
METADATA = (
    b'{"subsample_counts":[{"specimen":"A","count":2,"thresholds":[161,239]},'
    b'{"specimen":"B","count":0,"thresholds":[223,1]}],"channel_order":["CD3","CD8"]}'
)
BODY = bytes.fromhex("dfff38ff")
EXAMPLE = METADATA + b"\x1c" + BODY


def written(samples: list[tuple[str, list[int], list[list[int]]]], channels: list[str]) -> bytes:
    metadata = {
        "subsample_counts": [
            {"specimen": name, "count": len(rows), "thresholds": thresholds} for name, thresholds, rows in samples
        ],
        "channel_order": channels,
    }
    return json.dumps(metadata, ensure_ascii=False).encode() + b"\x1c" + bytes(
        code for _, _, rows in samples for row in rows for code in row
    )


def read(samples: tuple[SubsampleSample, ...]) -> list[tuple[str, list[int], list[list[int]]]]:
    return [(sample.name, sample.thresholds.tolist(), sample.codes.tolist()) for sample in samples]


# ---- results ----


def test_example() -> None:
    subsample = decode_subsample(EXAMPLE)
    assert subsample.channel_names == ("CD3", "CD8")
    assert subsample.codes.tolist() == [[0xDF, 0xFF], [0x38, 0xFF]]
    assert read(subsample.samples) == [("A", [161, 239], [[0xDF, 0xFF], [0x38, 0xFF]]), ("B", [223, 1], [])]
    assert [len(sample) for sample in subsample.samples] == [2, 0] and len(subsample) == 2
    assert repr(subsample) == "<2 cells of 2 samples, with 2 intensities each>"
    assert repr(subsample.samples[0]) == "<2 cells of sample 'A'>"


def test_values() -> None:
    subsample = decode_subsample(EXAMPLE)
    sample = subsample.sample("A")
    assert (subsample.values == CODE_VALUES[[[0xDF, 0xFF], [0x38, 0xFF]]]).all()
    assert (sample.values == subsample.values).all()
    assert (sample.threshold_values == CODE_VALUES[[161, 239]]).all()
    assert sample.values.dtype == sample.threshold_values.dtype == np.float64
    assert subsample.sample("B").values.shape == (0, 2)


def test_a_sample_by_its_name() -> None:
    subsample = decode_subsample(EXAMPLE)
    assert subsample.sample("B") is subsample.samples[1]
    with pytest.raises(UnknownSample) as caught:
        subsample.sample("C")
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == 'unknown sample "C" in a subsample of 2 samples'


@pytest.mark.parametrize("channels", [1, 2, 64])
def test_random_samples(channels: int) -> None:
    chance = random.Random(channels)
    names = [f"F{channel} \u00e4\U0001f600" for channel in range(channels)]
    for samples in 0, 1, 2, 30:
        expected = [
            (
                f'{position}"\\\n\u00df',
                list(chance.randbytes(channels)),
                [list(chance.randbytes(channels)) for _ in range(chance.randrange(4))],
            )
            for position in range(samples)
        ]
        subsample = decode_subsample(written(expected, names))
        assert subsample.channel_names == tuple(names)
        assert read(subsample.samples) == expected
        assert subsample.codes.tolist() == [row for _, _, rows in expected for row in rows]
        assert subsample.codes.shape == (len(subsample), channels)


def test_byte_28_in_the_body() -> None:
    assert read(decode_subsample(written([("A", [28], [[28], [28]])], ["CD3"])).samples) == [("A", [28], [[28], [28]])]


def test_codes_are_not_copied() -> None:
    payload = bytearray(EXAMPLE)
    subsample = decode_subsample(payload)
    payload[-4] = 7
    assert subsample.codes[0, 0] == subsample.samples[0].codes[0, 0] == 7
    subsample.samples[0].codes[1, 1] = 9
    assert payload[-1] == 9
    assert not decode_subsample(EXAMPLE).codes.flags.writeable


def test_any_contiguous_buffer() -> None:
    buffers: list[Any] = [memoryview(b"?" + EXAMPLE)[1:], np.frombuffer(EXAMPLE, np.uint8)]
    for buffer in buffers:
        assert read(decode_subsample(buffer).samples) == read(decode_subsample(EXAMPLE).samples)
    for payload in "text", 4, None, np.frombuffer(EXAMPLE, np.uint8)[::2]:
        with pytest.raises(TypeError):
            decode_subsample(payload)  # type: ignore[arg-type]


def test_other_members_and_spaces_are_ignored() -> None:
    metadata = json.loads(METADATA)
    metadata["version"] = None
    metadata["subsample_counts"][0]["other"] = [1.5]
    spaced = json.dumps(metadata, indent=4).encode()
    assert read(decode_subsample(spaced + b"\x1c" + BODY).samples) == read(decode_subsample(EXAMPLE).samples)


# ---- errors ----


def edited(old: str, new: str) -> bytes:
    assert METADATA.count(old.encode()) == 1
    return METADATA.replace(old.encode(), new.encode()) + b"\x1c" + BODY


FORM = 'the metadata must have the form {"subsample_counts": [...], "channel_order": [...]}'
FORM_0 = 'sample 0 must have the form {"specimen": "...", "count": CELLS, "thresholds": [...]}'
NOT_JSON = "the metadata is not JSON in UTF-8: "
LENGTH = "the metadata gives {} cells of 2 channels, so {} bytes must follow byte 28, but {} do"
CODE = "the threshold of channel 1 of sample 0 is not an integer from 0 to 255"
TEXTS = [
    (b"", "byte 28, which ends the metadata, is not among the first 0 bytes"),
    (METADATA, f"byte 28, which ends the metadata, is not among the first {len(METADATA)} bytes"),
    (b" " * 2**23 + METADATA + b"\x1c", "byte 28, which ends the metadata, is not among the first 8388609 bytes"),
    (b"\x1c", NOT_JSON),
    (b"{\x1c", NOT_JSON),
    (b"\xff\x1c", NOT_JSON),
    (b"\xef\xbb\xbf" + EXAMPLE, NOT_JSON),
    (METADATA.decode().encode("utf-16") + b"\x1c" + BODY, NOT_JSON),
    (b"NaN\x1c", NOT_JSON),
    (b"[" * 100_000 + b"\x1c", NOT_JSON),
    (edited('"A"', '"\n"'), NOT_JSON),
    (edited('"A"', '"\\ud8"'), NOT_JSON),
    (edited('"A"', '"\\u00g0"'), NOT_JSON),
    (edited('["CD3","CD8"]}', '["CD3","CD8"]}]'), NOT_JSON),
    (b"null\x1c", FORM),
    (b"[]\x1c", FORM),
    (b'"subsample_counts"\x1c', FORM),
    (b"{}\x1c", FORM),
    (edited('"subsample_counts"', '"counts"'), FORM),
    (edited('["CD3","CD8"]', "null"), FORM),
    (edited('["CD3","CD8"]', '"CD3"'), FORM),
    (edited('["CD3","CD8"]', "[]"), "a subsample has 1 to 64 channels, not 0"),
    (edited('["CD3","CD8"]', json.dumps(list(range(65)))), "a subsample has 1 to 64 channels, not 65"),
    (edited('"CD8"', "8"), "the name of channel 1 is not a string"),
    (edited('"CD8"', '"CD3"'), "channels 0 and 1 have the same name"),
    (edited('"A"', "null"), FORM_0),
    (edited('"specimen":"A",', ""), FORM_0),
    (edited('{"specimen":"A","count":2,"thresholds":[161,239]}', "2"), FORM_0),
    (edited('{"specimen":"A","count":2,"thresholds":[161,239]}', '["A",2,[161,239]]'), FORM_0),
    (edited('{"specimen":"A","count":2,"thresholds":[161,239]}', "null"), FORM_0),
    (edited('"count":2', '"count":-2'), FORM_0),
    (edited('"count":2', '"count":true'), FORM_0),
    (edited('"count":2', '"count":2.5'), FORM_0),
    (edited('"count":2', '"count":1e999'), FORM_0),
    (edited('"count":2', '"count":"2"'), FORM_0),
    (edited("[161,239]", "161"), FORM_0),
    (edited("[161,239]", "[161]"), "sample 0 has 1 thresholds for 2 channels"),
    (edited("[161,239]", "[161,239,0]"), "sample 0 has 3 thresholds for 2 channels"),
    (edited("239", "256"), CODE),
    (edited("239", "-1"), CODE),
    (edited("239", "false"), CODE),
    (edited("239", "2.5"), CODE),
    (edited("239", "[]"), CODE),
    (edited('"B"', '"A"'), "samples 0 and 1 have the same name"),
    (EXAMPLE[:-1], LENGTH.format(2, 4, 3)),
    (EXAMPLE + b"\0", LENGTH.format(2, 4, 5)),
    (edited('"count":2', '"count":0'), LENGTH.format(0, 0, 4)),
    (edited('"count":2', '"count":4503599627370496'), LENGTH.format(2**52, 2**53, 4)),
]


@pytest.mark.parametrize(("payload", "text"), TEXTS)
def test_texts(payload: bytes, text: str) -> None:
    with pytest.raises(PayloadError, match=f"^{re.escape(text)}" + ("" if text == NOT_JSON else "$")):
        decode_subsample(payload)


def test_integers_of_many_digits() -> None:
    with pytest.raises(PayloadError, match=f"^{NOT_JSON}an integer has 1000001 digits$"):
        decode_subsample(edited('"count":2', '"count":2' + "0" * 1_000_000))


def test_max_cells() -> None:
    for enough in 2, None:
        assert len(decode_subsample(EXAMPLE, max_cells=enough)) == 2
    with pytest.raises(PayloadError, match="^the payload has 2 cells, more than the limit of 1: "):
        decode_subsample(EXAMPLE, max_cells=1)


# ---- memory and hostile bytes ----


def peak_of(payload: bytes) -> int:
    tracemalloc.start()
    try:
        decode_subsample(payload)
    except PayloadError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_memory() -> None:
    """The figures of README.md."""
    cells = 2**20
    payload = edited('"count":2', f'"count":{cells}')[: -len(BODY)] + bytes(2 * cells)
    assert peak_of(payload) < 100_000 + 2**23
    lists = b"[" * 100 + b"]" * 100 + b","  # The JSON that takes the most memory.
    assert peak_of(b"[" + lists * (2**23 // len(lists) - 1) + b"0]\x1c") < 450 * 2**20


def check_hostile(payload: bytes) -> Subsample | None:
    """Check that decoding gives what the payload says, or raises PayloadError."""
    try:
        subsample = decode_subsample(payload)
    except PayloadError:
        return None
    assert subsample.codes.tobytes() == payload[payload.index(28) + 1 :]
    assert subsample.codes.tobytes() == b"".join(sample.codes.tobytes() for sample in subsample.samples)
    assert all(len(sample.thresholds) == len(subsample.channel_names) for sample in subsample.samples)
    return subsample


def test_changed_bytes() -> None:
    chance = random.Random(1)
    accepted = 0
    for _ in range(10_000):
        payload = bytearray(EXAMPLE)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(payload))
            payload[at : at + chance.randrange(3)] = bytes(
                chance.choice(b'[]{}",:0123456789e.-\\ux\x1c\0\xff') for _ in range(chance.randrange(3))
            )
        accepted += check_hostile(bytes(payload)) is not None
    assert 100 < accepted < 9900


def test_changed_values() -> None:
    """Replace values of the metadata by others: any JSON."""
    chance = random.Random(2)
    others: list[Any] = [None, True, 0, 1, 255, 256, -1, 0.5, 1e300, 2**63, "", "A", "\ud800", "__proto__", [], {}, [[]]]

    def changed(value: Any) -> Any:
        if chance.randrange(12) == 0:
            return chance.choice(others)
        if isinstance(value, list):
            return [changed(item) for item in value]
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        return value

    accepted = 0
    for _ in range(3000):
        payload = json.dumps(changed(json.loads(METADATA))).encode() + b"\x1c" + BODY
        accepted += check_hostile(payload) is not None
    assert 100 < accepted < 2900
