"""The files of the slide viewer, which its build writes to the folder viewer/ with coded copies."""

import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("viewer")
# Python before 3.12 does not know the type on a machine without a table of media types.
mimetypes.add_type("text/javascript", ".js")
SUFFIXES = {"br": ".br", "gzip": ".gz"}
FOR_EVER = "public, max-age=31536000, immutable"   # for names with a hash of the contents


class Coded(NamedTuple):
    """A file in one coding."""

    body: bytes
    etag: str


class File(NamedTuple):
    """A file in all its codings, which always include identity."""

    media_type: str
    cache_control: str
    coded: dict[str, Coded]   # by coding


def policy(origins: list[str]) -> str:
    """The content security policy of the viewer's page; pages of these origins can embed it."""
    return "; ".join([
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
        " ".join(["frame-ancestors 'self'", *origins])])


def coded(path: Path) -> Coded:
    body = path.read_bytes()
    return Coded(body, f'"{hashlib.sha256(body).hexdigest()}"')


def read(folder: Path) -> dict[str, File]:
    """The files by their path below /viewer/; "" is the page. Empty if the viewer is not built."""
    paths = {path.relative_to(folder).as_posix(): path
             for path in folder.rglob("*") if path.is_file()}
    files = {}
    for name, path in paths.items():
        if path.suffix in SUFFIXES.values():
            continue
        copies = {coding: paths[name + suffix]
                  for coding, suffix in SUFFIXES.items() if name + suffix in paths}
        files[name] = File(
            mimetypes.guess_type(name)[0] or "application/octet-stream",
            FOR_EVER if name.startswith("assets/") else "no-cache",
            {coding: coded(copy) for coding, copy in ({"identity": path} | copies).items()})
    return files | ({"": files["index.html"]} if "index.html" in files else {})
