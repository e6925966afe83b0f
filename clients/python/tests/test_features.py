from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cell_binary import Features, UnknownFeature

JSON = '{"names" : [{"symbol" : "CD3", "full_name" : ""}, {"symbol" : "CD8", "full_name" : ""}]}'


def test_bits_and_phenotypes() -> None:
    names = [f"F{bit}" for bit in range(64)]
    features = Features(names)
    assert features.names == tuple(names)
    assert len(features) == 64
    assert [features.bit(name) for name in names] == list(range(64))
    assert features.phenotypes() == 0
    assert features.phenotypes("F0", "F31", "F32", "F63", "F0") == 0x8000000180000001
    assert features.names_of(0x8000000180000001) == ["F0", "F31", "F32", "F63"]
    assert features.names_of(-(2**63)) == ["F63"]
    assert features.names_of(0) == []
    assert features.names_of(2**64 - 1) == names


def test_bits_without_a_name_are_ignored() -> None:
    assert Features(["CD3"]).names_of(2**64 - 1) == ["CD3"]


@pytest.mark.parametrize("document", [JSON, JSON.encode(), bytearray(JSON.encode()), json.loads(JSON)])
def test_json(document: Any) -> None:
    assert Features.from_json(document).names == ("CD3", "CD8")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "the names of the features are not JSON"),
        (b"\xff\xfe\x00", "the names of the features are not JSON"),
        ("[" * 100000, "the names of the features are not JSON"),
        ("[]", 'the names of the features must have the form {"names": [...]}'),
        ({}, 'the names of the features must have the form {"names": [...]}'),
        ({"names": "CD3"}, 'the names of the features must have the form {"names": [...]}'),
        ({"names": ["CD3"]}, 'feature 0 must have the form {"symbol": "...", ...}'),
        ({"names": [{"symbol": "CD3"}, {"symbol": 3}]}, 'feature 1 must have the form {"symbol": "...", ...}'),
        ({"names": [{"symbol": "CD3"}] * 2}, 'features 0 and 1 are both named "CD3"'),
    ],
)
def test_json_of_another_form(document: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Features.from_json(document)


def test_unknown_name() -> None:
    features = Features(["CD3", "CD8"])
    with pytest.raises(UnknownFeature) as caught:
        features.bit("CD4")
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == 'unknown feature "CD4"; the features are "CD3", "CD8"'
    with pytest.raises(KeyError):
        features.phenotypes("CD3", "cd8")
    with pytest.raises(UnknownFeature, match="there are no features"):
        Features([]).bit("CD3")


def test_names_that_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 65 features, more than the limit of 64"):
        Features(f"F{bit}" for bit in range(65))
    with pytest.raises(ValueError, match='features 1 and 2 are both named "B"'):
        Features(["A", "B", "B"])
    with pytest.raises(TypeError):
        Features("CD3")
    with pytest.raises(TypeError, match="the name of feature 1 is not a string: 7"):
        Features(["A", 7])  # type: ignore[list-item]


def test_phenotypes_that_are_too_large() -> None:
    with pytest.raises(ValueError, match="do not fit in 64 bits"):
        Features(["A"]).names_of(2**64)
