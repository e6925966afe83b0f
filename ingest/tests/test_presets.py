"""The presets for other programs, with small files that have the programs' true headers."""

import sqlite3

import pytest
from experiment import loaded, write

QUPATH = ("Image\tObject ID\tObject type\tName\tClassification\tParent\tROI\tCentroid X µm\t"
          "Centroid Y µm\tCell: Area µm^2\tCD8: Cell: Mean")
HALO = ("Image Location,Analysis Region,Object Id,XMin,XMax,YMin,YMax,CD3 Positive Classification,"
        "CD3 Positive Nucleus Classification,PanCK Positive,Cell Area (µm²)")
INFORM = ("Path\tSample Name\tTissue Category\tPhenotype\tCell ID\tTotal Cells\tCell X Position\t"
          "Cell Y Position\tConfidence")
MERGED = "tag\tSample Name\tCell ID\tCell X Position\tCell Y Position\tPhenotype CD8\tPhenotype CK"
XENIUM = '"cell_id","x_centroid","y_centroid","transcript_counts","cell_area","nucleus_area"'
MERSCOPE = ",fov,volume,center_x,center_y,min_x,max_x,min_y,max_y"
VIZGEN = "EntityID,fov,volume,center_x,center_y"
COSMX = ('"fov","cell_ID","Area","CenterX_local_px","CenterY_local_px","CenterX_global_px",'
         '"CenterY_global_px","cell_id","Mean.CD45"')
SCIMAP = "CellID,DNA1,CD45,X_position,Y_position,Area,imageid,phenotype"
CODEX = "cell_id:cell_id,tile_num:tile_num,x:x,y:y,z:z,size:size,cyc001_ch002:CD45"


FILES = [
    ("qupath", "a.tsv", f"{QUPATH}\n"
     "s1.tif\t0a\tAnnotation\t\tTumor\tRoot\tPolygon\t7\t8\t5\t\n"
     "s1.tif\t0b\tCell\t\tTumor: CD8\tRoot\tPolygon\t10.25\t20.5\t5\t3.2\n"
     "s2.tif\t0c\tCell\t\t\tRoot\tPolygon\t3\t4\t5\t0.1\n", ["--pixel-size", "0.5"],
     ["CD8", "Tumor"], [("s1.tif", 2, 20.5, 41, 3), ("s2.tif", 3, 6, 8, 0)]),
    ("qupath", "old.csv", "Image,Name,Class,Parent,ROI,Centroid X px,Centroid Y px\n"
     "s1,PathAnnotationObject,,Image,Polygon,1,2\ns1,Tumor,Tumor,Image,Polygon,3,4\n",
     ["--pixel-size", "0.5"], ["Tumor"], [("s1", 2, 3, 4, 1)]),
    ("halo", "a.csv", f"{HALO}\n"
     "Z:\\lab\\run 1\\slide.7.ome.tif,R1,0,10,20,5,6,1,0,0,33\n"
     "Z:\\lab\\run 1\\slide.7.ome.tif,R2,0,30,41,7,8,0,1,1,33\n", [],
     ["CD3", "PanCK"], [("slide.7.ome", 1, 15, 5.5, 1), ("slide.7.ome", 2, 35.5, 7.5, 2)]),
    ("inform", "x_cell_seg_data.txt", f"{INFORM}\n"
     "C:\\a\tA_[1,2].im3\tTumor\tCD8+\t1\t#N/A\t10\t20\t97.5 %\n"
     "C:\\a\tA_[1,2].im3\tTumor\t\t2\t#N/A\t11\t21\t\n", [],
     ["CD8"], [("A_[1,2]", 1, 10, 20, 1), ("A_[1,2]", 2, 11, 21, 0)]),
    ("inform", "comma.txt", f"{INFORM}\nC:\\a\tA,im3\tTumor\tOther\t1\t#N/A\t10,5\t20\t97,5 %\n",
     ["--decimal", ","], ["Other"], [("A", 1, 10.5, 20, 1)]),
    ("inform", "merged.txt", f"{MERGED}\n0\tA.im3\t1\t1.5\t2\tCD8+\tCK-\n"
     "0\tA.im3\t2\t3\t4\tCD8-\tCK+\n", ["--unit", "micrometre", "--pixel-size", "0.5"],
     ["CD8", "CK"], [("A", 1, 3, 4, 1), ("A", 2, 6, 8, 2)]),
    ("xenium", "cells.csv", f'{XENIUM}\n"aaaaaaab-1",2.125,4.25,70,10,5\n"ffkpbaba-1",1,2,9,1,1\n',
     [], [], [("{folder}", 1, 10, 20, 0),
         ("{folder}", 0x55AF1010, 1 / 0.2125, 2 / 0.2125, 0)]),
    ("xenium", "old.csv", f"{XENIUM}\n7,2.125,4.25,70,10,5\n", ["--pixel-size", "1"], [],
     [("old", 7, 2.125, 4.25, 0)]),
    ("merscope", "m.csv", f"{MERSCOPE}\n2317032900000100001,,37,10.8,21.6,0,1,0,1\n", [], [],
     [("m", 1, 100, 200, 0)]),
    ("merscope", "v.csv", f"{VIZGEN}\n2317032900000100001,,37,10.8,-1.08\n", [], [],
     [("v", 1, 100, -10, 0)]),
    ("cosmx", "S0_metadata_file.csv", f'{COSMX}\n3,12,50,1,2,-473043.5,7954.5,"c_1_3_12",9\n', [],
     [], [("S0", 300012, -473043.5, 7954.5, 0)]),
    ("cosmx_mm", "S0_metadata_file.csv", '"fov","cell_ID","x_slide_mm","y_slide_mm"\n1,2,0.5,1\n',
     ["--pixel-size", "0.5"], [], [("S0", 100002, 1000, 2000, 0)]),
    ("mcmicro", "e--unmicst_cell.csv", "CellID,DNA_6,CD45,X_centroid,Y_centroid,Area\n"
     "1,17449.7,711.1,2.5,257.2,117\n", ["--pixel-size", "0.65"], [],
     [("e--unmicst_cell", 1, 2.5, 257.2, 0)]),
    ("scimap", "s.csv", f"{SCIMAP}\n1,4430.3,2.5,107.5,151.5,66,image 1,T cells\n"
     "2,4430.3,2.5,108.5,152.5,66,image 1,\n", [], ["T cells"],
     [("image 1", 1, 107.5, 151.5, 1), ("image 1", 2, 108.5, 152.5, 0)]),
    ("codex", "c.csv", f"{CODEX}\n0,1,10.5,20.5,3,900,5\n", [], [], [("c", 1, 10.5, 20.5, 0)]),
    ("codex", "cytomap.csv", "Mean_CD31,Position_X,Position_Y,Position_Z,ID\n1,10.5,20.5,3,9\n",
     [], [], [("cytomap", 1, 10.5, 20.5, 0)]),
]


@pytest.mark.parametrize("preset, name, text, options, features, expected", FILES)
def test_a_file(preset, name, text, options, features, expected, cbload, db, tmp_path):
    (tmp_path / name).write_text(text)
    ended = cbload(tmp_path / name, "--preset", preset, *options)
    assert ended.status == 0 and ended.err == "", ended.err
    rows = sorted((row[0].format(folder=tmp_path.name), *row[1:]) for row in expected)
    found = sorted(loaded(db))
    assert [(*row[:2], *map(pytest.approx, row[2:4]), row[4]) for row in rows] == found
    assert db.execute("SELECT features FROM cells_source").fetchone() == (features,)


def test_steinbock(cbload, db, tmp_path):
    for image in "i1", "i2":
        for folder, text in {
            "regionprops": "Object,area,centroid-0,centroid-1\n1,11,4.5,34.25\n2,7,8,6\n",
            "intensities": f"Object,CD3,CD8\n1,0.{image[1]},2\n2,3,0.1\n",
        }.items():
            (tmp_path / "project" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "project" / folder / f"{image}.csv").write_text(text)
    ended = cbload(tmp_path / "project", "--preset", "steinbock")
    assert ended.status == 0, ended.err
    assert [row[:4] for row in loaded(db)] == [
        (image, *cell) for image in ("i1", "i2") for cell in ((1, 34.25, 4.5), (2, 6, 8))]


def test_cellprofiler_without_some_tables(cbload, tmp_path):
    image = [{"ImageNumber": 1, "Metadata_Plate": "P", "Metadata_Well": "A1", "Metadata_Site": 2}]
    cells = [{"ImageNumber": 1, "ObjectNumber": number, "Location_Center_X": number,
              "Location_Center_Y": 2 * number} for number in (1, 2, 3)]
    (folder := tmp_path / "site").mkdir()
    write(folder / "MyExpt_Image.csv", image)
    write(folder / "MyExpt_Nuclei.csv", cells)
    ended = cbload(folder, "--preset", "cellprofiler_csv_nuclei", "--check")
    assert "3 cells can be loaded" in ended.out, ended.err
    write(folder / "MyExpt_Cells.csv", cells[:2])
    ended = cbload(folder, "--preset", "cellprofiler_csv_cells", "--check")
    assert "2 cells can be loaded" in ended.out, ended.err
    write(folder / "MyExpt_Cells.csv", [row | {"Parent_Nuclei": 3} for row in cells[:1]])
    ended = cbload(folder, "--preset", "cellprofiler_csv_cells", "--check")
    assert "1 cells can be loaded" in ended.out, ended.err


def test_cellprofiler_databases(cbload, db, tmp_path):
    source = tmp_path / "p.db"
    with sqlite3.connect(source) as database:
        database.executescript("""
            CREATE TABLE a_Per_Image (ImageNumber INTEGER, Image_Metadata_Well TEXT);
            INSERT INTO a_Per_Image VALUES (1, 'A01');
            CREATE TABLE a_Per_Object (
                ImageNumber INTEGER, ObjectNumber INTEGER, Cells_Number_Object_Number INTEGER,
                Cells_Location_Center_X REAL, Cells_Location_Center_Y REAL);
            INSERT INTO a_Per_Object VALUES
                (1, 1, 1, 10.5, 20), (1, 2, 2, 30, 40), (1, 3, 0, 0, 0), (1, 4, NULL, NULL, NULL);
            CREATE TABLE a_Per_Nuclei (
                ImageNumber INTEGER, Nuclei_Number_Object_Number INTEGER,
                Nuclei_Location_Center_X REAL, Nuclei_Location_Center_Y REAL);
            INSERT INTO a_Per_Nuclei VALUES (1, 1, 11, 21);
            CREATE TABLE a_Per_Cells (
                ImageNumber INTEGER, Cells_Number_Object_Number INTEGER,
                Cells_Location_Center_X REAL, Cells_Location_Center_Y REAL);
            INSERT INTO a_Per_Cells VALUES (1, 1, 12, 22);""")
    ended = cbload(source, "--preset", "cellprofiler_sqlite_object")
    assert "4 rows, 2 joined, 2 left out" in ended.out, ended.err
    assert loaded(db) == [("p_1", 1, 10.5, 20.0, 0), ("p_1", 2, 30.0, 40.0, 0)]
    for preset, x in ("cells", 12), ("nuclei", 11):
        ended = cbload(
            source, "--preset", f"cellprofiler_sqlite_{preset}", "--table", f"t_{preset}")
        assert ended.status == 0 and loaded(db, f"t_{preset}")[0][2] == x, ended.err


@pytest.mark.parametrize("preset, name, text", [file[:3] for file in FILES])
def test_auto_chooses_the_preset(preset, name, text, cbload, tmp_path):
    (tmp_path / name).write_text(text)
    ended = cbload(tmp_path / name, "--preset", "auto", "--check", "--decimal",
                   "," if "97,5" in text else ".")
    assert ended.status == 0 and f"preset {preset}: the source has " in ended.out, ended


def test_auto_explains(cbload, tmp_path):
    source = tmp_path / "a.csv"
    for text, message in {
        "a,b\n1,2\n": f"no preset fits {source}: --presets lists them",
        "XMin,XMax,YMin,a\n1,2,3,4\n": "the nearest is halo, but there is no YMax",
    }.items():
        source.write_text(text)
        ended = cbload(source, "--preset", "auto", "--check")
        assert ended.status == 2 and message in ended.err, ended
    assert cbload("-", "--preset", "auto").status == 2
    (folder := tmp_path / "site").mkdir()
    for table in "Image", "Cells", "Nuclei", "Cytoplasm":
        (folder / f"{table}.csv").write_text(
            "ImageNumber,ObjectNumber,Location_Center_X,Location_Center_Y,Parent_Cells,"
            "Parent_Nuclei\n1,1,2,3,1,1\n")
    ended = cbload(folder, "--preset", "auto", "--check")
    assert ended.status == 0 and "preset cellprofiler_csv:" in ended.out
    (folder / "Cytoplasm.csv").unlink()
    assert "preset cellprofiler_csv_cells:" in cbload(folder, "--preset", "auto", "--check").out
