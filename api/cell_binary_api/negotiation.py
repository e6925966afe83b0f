"""What a request's headers ask for: content coding, byte range, condition (RFC 9110)."""

from collections.abc import Collection

from starlette.datastructures import Headers
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags, parse_range_header

CODINGS = ("zstd", "br", "gzip", "identity")   # of equal quality the first: the smallest and fastest


def field(headers: Headers, name: str) -> str:
    """A header's value, of all its lines."""
    return ", ".join(headers.getlist(name))


def coding(headers: Headers, codings: Collection[str] = CODINGS) -> str | None:
    """The coding to send, or None if not even identity is acceptable. Who says nothing gets identity."""
    accept = parse_accept_header(field(headers, "accept-encoding").lower().replace("x-gzip", "gzip"), Accept)
    quality = {coding: accept.quality(coding) for coding in CODINGS if coding in codings}
    if not {"identity", "*"} & {name for name, _ in accept}:
        quality["identity"] = 1e-9   # acceptable, as nothing forbids it, but only if no other one is
    best = max(quality, key=quality.__getitem__)
    return best if quality[best] > 0 else None


def is_known(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match has the tag. Weakly, as a proxy may have weakened it."""
    return parse_etags(field(headers, "if-none-match")).contains_weak(etag.strip('"'))


def is_refused(headers: Headers, etag: str) -> bool:
    """Whether If-Match asks for others only."""
    return "if-match" in headers and not parse_etags(field(headers, "if-match")).contains(etag.strip('"'))


def byte_range(headers: Headers, etag: str, length: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last that Range asks for, if it is to be heeded: several ranges,
    other units, or a range of another version (If-Range) are answered with the whole. Empty if out of reach."""
    asked = parse_range_header(field(headers, "range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or field(headers, "if-range") not in ("", etag):
        return None
    start, stop = asked.ranges[0]   # start is negative for the last bytes
    start, stop = max(start + length, 0) if start < 0 else start, min(stop or length, length)
    return (start, stop) if start < stop else (0, 0)
