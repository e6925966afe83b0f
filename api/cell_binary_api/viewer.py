"""The files of the slide viewer. Its build puts them into the folder viewer/, and beside each the codings that are smaller."""

import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("viewer")
mimetypes.add_type("text/javascript", ".js")   # for Python before 3.12, where the machine has no table of types
SUFFIXES = {"br": ".br", "gzip": ".gz"}
FOR_EVER = "public, max-age=31536000, immutable"   # the name has a hash of the contents


class Coded(NamedTuple):
    """A file in a coding."""

    body: bytes
    etag: str


class File(NamedTuple):
    media_type: str
    cache_control: str
    coded: dict[str, Coded]   # by coding; identity is always there


def policy(origins: list[str]) -> str:
    """The content security policy of the viewer's page, which pages of these origins may embed."""
    return "; ".join(["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
                      "base-uri 'none'", "form-action 'none'", " ".join(["frame-ancestors 'self'", *origins])])


def read(folder: Path) -> dict[str, File]:
    """The files by their addresses below the viewer's, of which "" is the page; none if the viewer is not built."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    files = {}
    for name, path in paths.items():
        if path.suffix in SUFFIXES.values():
            continue
        coded = {"identity": path} | {coding: paths[name + suffix] for coding, suffix in SUFFIXES.items() if name + suffix in paths}
        files[name] = File(
            mimetypes.guess_type(name)[0] or "application/octet-stream", FOR_EVER if name.startswith("assets/") else "no-cache",
            {coding: Coded(body := path.read_bytes(), f'"{hashlib.sha256(body).hexdigest()}"') for coding, path in coded.items()})
    return files | ({"": files["index.html"]} if "index.html" in files else {})
