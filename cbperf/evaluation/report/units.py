"""Format numbers. The units are those of records: "s", "bytes", or the name of a count ("", "samples", "instructions", "faults")."""


def quantity(value: float | None, unit: str = "") -> str:
    """A number with a unit for times and bytes: 1.23 s, 4.56 MB (millions of bytes), 1,234. None becomes a dash."""
    if value is None:
        return "–"
    if unit == "s":
        return scaled(value, [(1, "s"), (1e-3, "ms"), (1e-6, "µs")])
    if unit == "bytes":
        return scaled(value, [(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")])
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def counted(value: float | None, unit: str) -> str:
    """A number that always has a unit: 1,234 samples."""
    return quantity(value, unit) if unit in ("s", "bytes", "") else f"{quantity(value)} {unit}"


def scaled(value: float, scales: list[tuple[float, str]]) -> str:
    """The value in the largest scale in which it is at least 1, with three significant digits. Scales are sorted, largest first."""
    if value == 0:
        return "0"
    size, name = next(((size, name) for size, name in scales if abs(value) >= size), scales[-1])
    number = value / size
    digits = 0 if abs(number) >= 99.95 or size == 1 == scales[-1][0] else 1 if abs(number) >= 9.995 else 2
    return f"{number:,.{digits}f} {name}"


def ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def probability(value: float | None) -> str:
    return "–" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def signed(value: float, unit: str = "") -> str:
    return ("+" if value > 0 else "−" if value < 0 else "±") + quantity(abs(value), unit)


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
