"""Divide a run's time and memory into components such as scan, sort and encode.

components.toml maps functions to components. The caller can give another file.
"""

import fnmatch
import re
import tomllib
from pathlib import Path
from statistics import median

import flame

DEFAULT = Path(__file__).with_name("components.toml")
PROFILERS = "cpu", "instructions", "heap"
OTHER = "other"


class Malformed(Exception):
    """The file is not a valid map of components; the message says why."""


class Components:
    def __init__(self, path: Path = DEFAULT):
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except (OSError, ValueError) as error:
            raise Malformed(f"{path}: {error}") from None
        self.patterns: dict[str, re.Pattern] = {}
        for component, patterns in content.items():
            if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
                raise Malformed(f"{path}: {component} is not a list of patterns")
            self.patterns[component] = re.compile("|".join(map(fnmatch.translate, patterns)) or "(?!)")

    def of(self, frame: str) -> str | None:
        frame = frame.removesuffix("_[k]")
        return next((component for component, pattern in self.patterns.items() if pattern.match(frame)), None)

    def split(self, tree: dict) -> dict[str, int]:
        """The values of a tree by component, in the order of the file, with OTHER last."""
        values = dict.fromkeys([*self.patterns, OTHER], 0)

        def add(node: dict, above: str) -> None:
            component = self.of(node["name"]) or above
            values[component] += flame.own(node)
            for child in node["children"]:
                add(child, component)
        add(tree, OTHER)
        return values


def split(profiles: list[dict], samples: list[dict], path: Path | None = None) -> list[dict]:
    """The "components" of a record, from its profiles and samples. seconds is CPU time, for the profile cpu only. Raises Malformed."""
    components = Components(path or DEFAULT)
    cpu = [sample["user"] + sample["system"] for sample in samples if sample["user"] is not None and sample["system"] is not None]
    found = []
    for profile in profiles:
        if profile["profiler"] not in PROFILERS or not profile["tree"] or not profile["tree"]["value"]:
            continue
        for component, value in components.split(profile["tree"]).items():
            share = value / profile["tree"]["value"]
            found.append({"profiler": profile["profiler"], "component": component, "value": value, "share": share,
                          "seconds": share * median(cpu) if profile["profiler"] == "cpu" and cpu else None})
    return found
