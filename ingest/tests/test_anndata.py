"""AnnData: files .h5ad and groups of Zarr, and the tables of SpatialData."""

import json
import os
import subprocess
import sys

import pytest
from experiment import loaded

sys.path.append(os.environ.get("CBLOAD_ANNDATA", "none"))
anndata = pytest.importorskip("anndata")
numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
scipy = pytest.importorskip("scipy.sparse")

MAP = """CREATE TABLE t (
    obs_names VARCHAR, region VARCHAR, flag BOOLEAN, "obsm/spatial/0" DOUBLE,
    "obsm/spatial/1" DOUBLE, "X/CD3" DOUBLE, "layers/counts/CD 8/a" BIGINT, "raw/X/other" DOUBLE,
    "obsm/frame/u" DOUBLE
);
SELECT region AS sample, obs_names::BIGINT AS cell_id, "obsm/spatial/0" AS x,
    "obsm/spatial/1" AS y, "X/CD3" > 0.5 AS cd3, "layers/counts/CD 8/a" > 2 AS cd8, flag,
    "raw/X/other" > 0 AS other, coalesce("obsm/frame/u" = 7, false) AS u FROM t"""


def made(rows=5, sparse=None):
    """Observations, of which those in each second row are positive for everything."""
    even = numpy.arange(rows) % 2 == 0
    data = numpy.array([[0.75, 0.0] if each else [0.25, 9.0] for each in even], "float32")
    data = data.reshape(rows, 2)
    counts = numpy.array([[1, 3] if each else [1, 2] for each in even]).reshape(rows, 2)
    obs = pandas.DataFrame(
        {"region": pandas.Categorical([f"r{row % 2}" for row in range(rows)]), "flag": even},
        index=[str(10 + row) for row in range(rows)])
    var = pandas.DataFrame(index=["CD3", "CD 8/a"])
    found = anndata.AnnData(sparse(data) if sparse else data, obs=obs, var=var)
    found.layers["counts"] = sparse(counts) if sparse else counts
    places = [[row + 0.5, 2 * row] for row in range(rows)]
    found.obsm["spatial"] = numpy.array(places).reshape(-1, 2)
    found.obsm["frame"] = pandas.DataFrame(
        {"u": numpy.where(even, 7.0, numpy.nan)}, index=found.obs_names)
    found.raw = anndata.AnnData(
        even.astype(float)[:, None], obs=obs, var=pandas.DataFrame(index=["other"]))
    return found


def expected(rows=5):
    return sorted((f"r{row % 2}", 10 + row, row + 0.5, 2.0 * row, 0 if row % 2 else 31)
                  for row in range(rows))


@pytest.mark.parametrize("sparse", [None, scipy.csr_matrix, scipy.csc_matrix])
@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_columns_of_all_kinds(form, sparse, cbload, db, map, tmp_path):
    source = tmp_path / f"a.{form}"
    getattr(made(sparse=sparse), f"write_{form}")(source)
    ended = cbload(source, "--map", map)
    assert ended.status == 0, ended.err
    assert sorted(loaded(db)) == expected()
    assert db.execute("SELECT name FROM cells_source").fetchone() == ("a",)


def test_many_observations(cbload, db, map, tmp_path):
    """They are read in several batches."""
    made(120_001).write_h5ad(tmp_path / "a.h5ad")
    ended = cbload(tmp_path / "a.h5ad", "--map", map, "--memory", "100MB")
    assert ended.status == 0, ended.err
    assert sorted(loaded(db)) == expected(120_001)


def test_no_observations(cbload, map, tmp_path):
    made(0).write_h5ad(tmp_path / "a.h5ad")
    assert cbload(tmp_path / "a.h5ad", "--map", map, "--check").status == 0


def test_tables_of_spatialdata(cbload, db, map, tmp_path):
    """The only table, or the one that the map names."""
    (root := tmp_path / "s.zarr").mkdir()
    (root / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group"}))
    made().write_zarr(root / "tables" / "cells")
    assert cbload(root, "--map", map).status == 0 and sorted(loaded(db)) == expected()
    made(2).write_zarr(root / "tables" / "t")
    assert cbload(root, "--map", map, "--replace").status == 0 and len(loaded(db)) == 2
    map.write_text(MAP.replace("TABLE t", "TABLE other").replace("FROM t", "FROM other"))
    ended = cbload(root, "--map", map, "--check")
    assert ended.status == 1 and "there is no table other; the tables are: cells, t" in ended.err


def test_a_change_of_a_group_is_another_fingerprint(cbload, db, map, tmp_path):
    made().write_zarr(tmp_path / "a.zarr")
    assert cbload(tmp_path / "a.zarr", "--map", map).status == 0
    ended = cbload(tmp_path / "a.zarr", "--map", map, "--skip-loaded")
    assert "unchanged" in ended.out and "other content" not in ended.out
    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")
    made(3).write_zarr(tmp_path / "a.zarr")
    assert "with other content" in cbload(tmp_path / "a.zarr", "--map", map).err


@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_the_preset(form, cbload, db, tmp_path):
    found = made()
    found.obs["cell_type"] = ["B", "T", "B", None, "T"]
    getattr(found, f"write_{form}")(tmp_path / f"slide.{form}")
    ended = cbload(tmp_path / f"slide.{form}", "--preset", "auto", "--pixel-size", "0.5")
    assert ended.status == 0 and "preset anndata" in ended.out, ended.err
    assert loaded(db) == [("slide", row + 1, row + 0.5, 2.0 * row, bits)
                          for row, bits in enumerate([1, 2, 1, 0, 2])]
    assert db.execute("SELECT features FROM cells_source").fetchone() == (["B", "T"],)


def test_what_is_not_anndata(cbload, map, tmp_path):
    import h5py
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = [1, 2]
    ended = cbload(tmp_path / "a.h5", "--map", map, "--check")
    assert ended.status == 1 and "without the group obs of AnnData" in ended.err
    (tmp_path / "b.h5ad").write_bytes((tmp_path / "a.h5").read_bytes()[:300])
    ended = cbload(tmp_path / "b.h5ad", "--map", map, "--check")
    assert ended.status == 1 and "anndata cannot read it" in ended.err
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    ended = cbload(tmp_path / "c.zarr", "--map", map, "--check")
    assert ended.status == 1 and "a group of Zarr without a table of AnnData" in ended.err


def test_without_the_package(map, tmp_path):
    made().write_h5ad(tmp_path / "a.h5ad")
    loader = os.path.join(os.path.dirname(os.path.dirname(__file__)), "loader")
    code = f"import sys; sys.modules['anndata.io'] = None; sys.path.insert(0, {loader!r}); " \
        "import runpy; runpy.run_path(sys.path[0] + '/__main__.py', run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code, tmp_path / "a.h5ad", "--map", map, "--check"],
        env=os.environ, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "run scripts/install-dependencies anndata" in ended.stderr, ended.stderr
