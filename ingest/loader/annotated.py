"""Tables of AnnData: files .h5ad, and groups of Zarr, as they are and in SpatialData.

A table has a row for each observation. Its columns are obs_names, those of obs, and the columns of
matrices by their paths in the file: obsm/spatial/0, X/CD3, layers/raw/CD3, raw/X/CD3.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from errors import LoadError

ROWS_A_BATCH = 50_000
HDF5 = b"\x89HDF\r\n\x1a\n"
MARKS = (".zgroup", ".zattrs", "zarr.json")     # files in a group of Zarr
INDEX = "obs_names"


def is_zarr(path: Path) -> bool:
    # Unlike Path.exists, os.path.exists raises no error for a folder that cannot be read.
    return any(os.path.exists(path / name) for name in MARKS)


def load(is_needed: bool) -> None:
    """Import pandas, if it is there, and anndata, if it is needed and there.

    DuckDB and pyarrow import pandas when they first meet data, also two threads at once, and then
    one of them can find a part of it. So the main thread calls this function before jobs start.
    """
    folder = os.environ.get("CBLOAD_ANNDATA")
    if is_needed and folder and folder not in sys.path:
        sys.path.append(folder)
    for name in ["pandas", *(["anndata.io", "h5py", "zarr"] if is_needed else [])]:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)


def tables_in(path: Path) -> dict[str, Path]:
    """Return the tables of a group of Zarr: the group itself, or the tables of SpatialData."""
    if (path / "obs").is_dir():
        return {path.name: path}
    there = path / "tables"
    if not there.is_dir():
        return {}
    return {each.name: each for each in sorted(there.iterdir()) if (each / "obs").is_dir()}


@dataclass
class Matrix:
    """A matrix with a row for each observation, and the names of its columns."""

    values: Any             # a dataset or a sparse dataset, or an array
    names: list[str]


class Annotated:
    def __init__(self, path: str) -> None:
        try:
            import anndata.io
        except ModuleNotFoundError:
            raise LoadError(
                "reading AnnData needs the Python package anndata: run "
                "scripts/install-dependencies anndata") from None
        self.io = anndata.io
        self.file = None
        try:
            self.group = self.opened(path)
            self.obs = self.io.read_elem(self.group["obs"])
            self.matrices = dict(self.found())
        except LoadError:
            raise
        except Exception as error:     # of h5py, Zarr and pandas, which have no class in common
            raise LoadError(f"anndata cannot read it: {' '.join(str(error).split())}") from None
        self.columns = [INDEX, *map(str, self.obs.columns)]
        for matrix, found in self.matrices.items():
            self.columns += [f"{matrix}/{name}" for name in found.names]

    def opened(self, path: str) -> Any:
        if Path(path).is_dir():
            import zarr
            return zarr.open_group(path, mode="r")
        import h5py
        self.file = h5py.File(path, "r")
        if "obs" not in self.file:
            raise LoadError("it is an HDF5 file without the group obs of AnnData: write its table "
                            "as Parquet or CSV")
        return self.file

    def found(self) -> Iterator[tuple[str, Matrix]]:
        group = self.group
        variables = [str(name) for name in self.io.read_elem(group["var"]).index]
        if "X" in group:
            yield "X", self.matrix(group["X"], variables)
        for parent, names in ("layers", variables), ("obsm", None):
            for key in sorted(group[parent]) if parent in group else []:
                yield f"{parent}/{key}", self.matrix(group[f"{parent}/{key}"], names)
        if "raw" in group and "X" in group["raw"]:
            names = [str(name) for name in self.io.read_elem(group["raw/var"]).index]
            yield "raw/X", self.matrix(group["raw/X"], names)

    def matrix(self, element: Any, names: list[str] | None) -> Matrix:
        kind = element.attrs.get("encoding-type", "array")
        if kind == "dataframe":
            frame = self.io.read_elem(element)
            return Matrix(frame.to_numpy(), [str(name) for name in frame.columns])
        if kind in ("csr_matrix", "csc_matrix"):
            values = self.io.sparse_dataset(element)
        else:
            values = element
        width = values.shape[1] if len(values.shape) > 1 else 0
        return Matrix(values, names or [str(number) for number in range(width)])

    def batches(self, wanted: list[str]) -> Iterator[list[pyarrow.Array]]:
        """Yield the wanted columns of all rows, some rows at a time; at least once."""
        for start in range(0, max(len(self.obs), 1), ROWS_A_BATCH):
            rows = slice(start, min(start + ROWS_A_BATCH, len(self.obs)))
            read: dict[str, Any] = {}
            yield [self.column(name, rows, read) for name in wanted]

    def column(self, name: str, rows: slice, read: dict[str, Any]) -> pyarrow.Array:
        if name == INDEX:
            return pyarrow.array([str(each) for each in self.obs.index[rows]], pyarrow.string())
        if name in self.obs.columns:
            found = pyarrow.Array.from_pandas(self.obs[name].iloc[rows])
            is_dictionary = pyarrow.types.is_dictionary(found.type)
            return found.cast(found.type.value_type) if is_dictionary else found
        path, column = self.place_of(name)
        if path not in read:
            part = self.matrices[path].values[rows]
            read[path] = part.toarray() if hasattr(part, "toarray") else part
        return pyarrow.array(read[path][:, column])

    def place_of(self, name: str) -> tuple[str, int]:
        for path, matrix in self.matrices.items():
            rest = name.removeprefix(f"{path}/")
            if rest != name and rest in matrix.names:
                return path, matrix.names.index(rest)
        raise KeyError(name)

    def close(self) -> None:
        if self.file:
            self.file.close()
