"""The errors of this package that are not Python's own."""


class PayloadError(ValueError):
    """Bytes are not a payload of the layout; the message says what is wrong, and where."""


class UnknownFeature(KeyError):
    """No feature has that name."""

    def __str__(self) -> str:
        # KeyError would show the message in quotes, as it does a key.
        return str(self.args[0])
