"""The meaning of a request's headers: content coding, byte range and conditions (RFC 9110)."""

from collections.abc import Collection

from starlette.datastructures import Headers
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags, parse_range_header

# In order of preference at equal quality: the smallest and fastest first.
CODINGS = ("zstd", "br", "gzip", "identity")


def field(headers: Headers, name: str) -> str:
    """The value of a header; of several lines, joined."""
    return ", ".join(headers.getlist(name))


def coding(headers: Headers, codings: Collection[str] = CODINGS,
           unasked: str = "identity") -> str | None:
    """The coding to send: unasked if there is no Accept-Encoding, identity if the header states no
    preference, or None if the client accepts none of the codings."""
    if "accept-encoding" not in headers:
        return unasked
    accept = parse_accept_header(
        field(headers, "accept-encoding").lower().replace("x-gzip", "gzip"), Accept)
    quality = {coding: accept.quality(coding) for coding in CODINGS if coding in codings}
    if not {"identity", "*"} & {name for name, _ in accept}:
        # Nothing forbids identity, so it is acceptable, but any coding in the header wins.
        quality["identity"] = 1e-9
    best = max(quality, key=quality.__getitem__)
    return best if quality[best] > 0 else None


def is_known(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match contains the ETag. The comparison is weak, because a proxy may have
    weakened the ETag."""
    return parse_etags(field(headers, "if-none-match")).contains_weak(etag.strip('"'))


def is_refused(headers: Headers, etag: str) -> bool:
    """Whether If-Match is present and lacks the ETag."""
    return ("if-match" in headers
            and not parse_etags(field(headers, "if-match")).contains(etag.strip('"')))


def byte_range(headers: Headers, etag: str, length: int) -> tuple[int, int] | None:
    """The range that Range asks for: its first byte and the byte after its last one.

    None means the whole payload: no range, several ranges, another unit, or If-Range with another
    ETag. An empty range begins after the end of the payload.
    """
    asked = parse_range_header(field(headers, "range"))
    if (asked is None or asked.units != "bytes" or len(asked.ranges) != 1
            or field(headers, "if-range") not in ("", etag)):
        return None
    start, stop = asked.ranges[0]   # a negative start counts from the end
    start, stop = max(start + length, 0) if start < 0 else start, min(stop or length, length)
    return (start, stop) if start < stop else (0, 0)
