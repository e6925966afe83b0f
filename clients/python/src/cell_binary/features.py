"""The names of the features, which are not in a payload."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .cells import unsigned_mask
from .errors import UnknownFeature

MOST_FEATURES = 64


class Features:
    """The features of a study, in the order of their bits in a mask.

    names: a tuple; names[k] is that of bit k.
    """

    __slots__ = ("_bits", "names")

    def __init__(self, names: Iterable[str]) -> None:
        """Raises ValueError for more than 64 names, or one that is there twice."""
        if isinstance(names, str):
            raise TypeError("names must be several, not one string")
        self.names = tuple(names)
        if len(self.names) > MOST_FEATURES:
            raise ValueError(f"there are {len(self.names)} features, but a mask has 64 bits")
        self._bits: dict[str, int] = {}
        for bit, name in enumerate(self.names):
            if not isinstance(name, str):
                raise TypeError(f"name of feature {bit} is not a string: {name!r}")
            if self._bits.setdefault(name, bit) != bit:
                raise ValueError(f'features {self._bits[name]} and {bit} are both named "{name}"')

    @classmethod
    def from_json(cls, document: bytes | bytearray | str | Mapping[str, Any]) -> Features:
        """The features in {"names": [{"symbol": "CD3", "full_name": ""}, ...]}.

        That is what cell_feature_names_json() gives, and what is served at
        /cell-data-binary-feature-names/: as text, or as json.loads made it.
        Raises ValueError for anything else.
        """
        if not isinstance(document, Mapping):
            try:
                document = json.loads(document)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"names of features are not JSON: {error}") from error
        names = document.get("names") if isinstance(document, Mapping) else None
        if not isinstance(names, list):
            raise ValueError('names of features are not {"names": [...]}')
        for bit, name in enumerate(names):
            if not isinstance(name, Mapping) or not isinstance(name.get("symbol"), str):
                raise ValueError(f'feature {bit} is not {{"symbol": "...", ...}}')
        return cls(name["symbol"] for name in names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Features({list(self.names)!r})"

    def bit(self, name: str) -> int:
        """The bit of a feature, 0 to 63.  Raises UnknownFeature, a KeyError."""
        try:
            return self._bits[name]
        except KeyError:
            known = ", ".join(f'"{known}"' for known in self.names)
            raise UnknownFeature(f'unknown feature "{name}"; the features are {known or "none"}') from None

    def mask(self, *names: str) -> int:
        """The mask of a cell that has these features and no others.

        Raises UnknownFeature, a KeyError.
        """
        mask = 0
        for name in names:
            mask |= 1 << self.bit(name)
        return mask

    def names_of(self, mask: int) -> list[str]:
        """The features in a mask, from the lowest bit up.

        Bits beyond the last feature have no name and are passed over.
        """
        mask = unsigned_mask(mask)
        return [name for bit, name in enumerate(self.names) if mask >> bit & 1]
