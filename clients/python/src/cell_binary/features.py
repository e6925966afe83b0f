"""The names of the features.  A payload does not contain them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .cells import unsigned_phenotypes
from .errors import UnknownFeature

MAX_FEATURES = 64


class Features:
    """The features of a study, in the order of their bits.

    names: a tuple; names[k] is the name of the feature of bit k.
    """

    __slots__ = ("_bits", "names")

    def __init__(self, names: Iterable[str]) -> None:
        """Raises ValueError if there are more than 64 names, or if a name occurs twice."""
        if isinstance(names, str):
            raise TypeError("names must be an iterable of strings, not one string")
        self.names = tuple(names)
        if len(self.names) > MAX_FEATURES:
            raise ValueError(f"there are {len(self.names)} features, more than the limit of 64")
        self._bits: dict[str, int] = {}
        for bit, name in enumerate(self.names):
            if not isinstance(name, str):
                raise TypeError(f"the name of feature {bit} is not a string: {name!r}")
            if self._bits.setdefault(name, bit) != bit:
                raise ValueError(f'features {self._bits[name]} and {bit} are both named "{name}"')

    @classmethod
    def from_json(cls, document: bytes | bytearray | str | Mapping[str, Any]) -> Features:
        """Read the features from {"names": [{"symbol": "CD3", "full_name": ""}, ...]}.

        cell_feature_names_json() returns this document, and the HTTP service
        serves it at /cell-data-binary-feature-names/.  Pass it as text, or as
        json.loads returned it.  Raises ValueError for any other form.
        """
        if not isinstance(document, Mapping):
            try:
                document = json.loads(document)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"the names of the features are not JSON: {error}") from error
        names = document.get("names") if isinstance(document, Mapping) else None
        if not isinstance(names, list):
            raise ValueError('the names of the features must have the form {"names": [...]}')
        for bit, name in enumerate(names):
            if not isinstance(name, Mapping) or not isinstance(name.get("symbol"), str):
                raise ValueError(f'feature {bit} must have the form {{"symbol": "...", ...}}')
        return cls(name["symbol"] for name in names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Features({list(self.names)!r})"

    def bit(self, name: str) -> int:
        """Return the bit of a feature, 0 to 63.  Raises UnknownFeature, a KeyError."""
        try:
            return self._bits[name]
        except KeyError:
            known = ", ".join(f'"{known}"' for known in self.names)
            features = f"the features are {known}" if known else "there are no features"
            raise UnknownFeature(f'unknown feature "{name}"; {features}') from None

    def phenotypes(self, *names: str) -> int:
        """Return the phenotypes of a cell that is positive for these features and no others.

        Raises UnknownFeature, a KeyError.
        """
        phenotypes = 0
        for name in names:
            phenotypes |= 1 << self.bit(name)
        return phenotypes

    def names_of(self, phenotypes: int) -> list[str]:
        """Return the names of the features in phenotypes, from the lowest bit up.

        Bits without a name are ignored.  Raises ValueError if phenotypes do not fit in 64 bits.
        """
        phenotypes = unsigned_phenotypes(phenotypes)
        return [name for bit, name in enumerate(self.names) if phenotypes >> bit & 1]
