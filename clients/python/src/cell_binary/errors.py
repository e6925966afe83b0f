"""The exceptions of this package."""


class PayloadError(ValueError):
    """The bytes are not a payload of the layout.  The message says what is wrong, and where."""


class UnknownFeature(KeyError):
    """No feature has this name."""

    def __str__(self) -> str:
        # KeyError shows its argument in quotes, because it expects a key.
        return str(self.args[0])
