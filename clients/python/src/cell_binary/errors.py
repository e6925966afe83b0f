"""The exceptions of this package."""


class PayloadError(ValueError):
    """The bytes are not a payload of the layout.  The message says what is wrong, and where."""


class UnknownName(KeyError):
    """Nothing has this name."""

    def __str__(self) -> str:
        # KeyError shows its argument in quotes, because it expects a key.
        return str(self.args[0])


class UnknownFeature(UnknownName):
    """No feature has this name."""


class UnknownSample(UnknownName):
    """No sample of the subsample has this name."""
