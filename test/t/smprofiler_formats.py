"""Reference code for three formats of SMProfiler (formerly SPT), independent of the extension.

    smprofiler_formats.py codes                       the 8-bit floating-point format
    smprofiler_formats.py shapes                      outlines in shapefiles
    smprofiler_formats.py subsample CELLS SEED <ROWS  the subsample of a study

codes prints a line "code CODE NUMBER" for each code, and a line "value VALUE CODE" for values near
the bounds of every code. shapes prints a line "CONTENTS X Y" for each polygon that pyshp writes and
reads, and a line "CONTENTS" for each file without a single polygon. subsample reads rows "SAMPLE
CELL_ID PHENOTYPES INTENSITY ..." and prints the metadata, then the body in hexadecimal.

A number that must be equal to the last bit is printed as its bits, in hexadecimal.
"""
import base64
import io
import json
import math
import random
import struct
import sys
from fractions import Fraction

SCALE = 1 / 251


def bits(number: float) -> str:
    return struct.pack(">d", number).hex()


def encode(value: float) -> int:
    if value > 1e300:
        return 255
    shifted = 1 + value / SCALE
    if shifted < 1:
        return 0
    exponent = math.floor(math.log2(shifted))
    return 255 if exponent > 7 else 32 * exponent + math.floor(32 * (shifted / 2**exponent - 1))


def decode(code: int) -> float:
    return SCALE * ((code % 32 / 32 + 1) * 2 ** (code // 32) - 1)


def codes() -> None:
    draw = random.Random(1)
    values = [-1.0, -math.inf, math.inf, 1e308, -1e308, 5e-324, -0.0]
    for code in range(256):
        value = decode(code)
        print("code", code, bits(value))
        values += [value, value * (1 + 2**-52), value * (1 - 2**-53), value + 1e-9, value - 1e-9]
    values += [draw.uniform(-0.1, 1.1) for _ in range(10000)]
    values += [round(draw.uniform(0, 1), 2) for _ in range(1000)]
    for value in values:
        print("value", repr(value), encode(value))


def mean(numbers: list[float]) -> float:
    return float(sum(map(Fraction, numbers)) / len(numbers))


def shapes() -> None:
    import shapefile

    draw = random.Random(2)

    def written(kind: int, add) -> str:
        files = [io.BytesIO() for _ in range(3)]
        with shapefile.Writer(shp=files[0], shx=files[1], dbf=files[2], shapeType=kind) as writer:
            writer.field("name", "C")
            for record in add(writer):
                writer.record(record)
            writer.close()
        return base64.b64encode(files[0].getvalue()).decode()

    def ring(vertices: int, whole: bool) -> list[list[float]]:
        points = [[draw.uniform(-1e4, 1e4), draw.uniform(-1e4, 1e4)] for _ in range(vertices)]
        points = [[float(round(x)), float(round(y))] for x, y in points] if whole else points
        return points + [points[0]]

    def polygon(rings):
        def add(writer):
            writer.poly(rings)
            yield "cell"

        return add

    for number in range(300):
        count = 1 + number % 3 * draw.randint(0, 3)
        rings = [ring(draw.randint(3, 40), number % 2 == 0) for _ in range(count)]
        if number % 50 == 0:
            rings = [ring(2000, False)]
        contents = written(shapefile.POLYGON, polygon(rings))
        points = shapefile.Reader(shp=io.BytesIO(base64.b64decode(contents))).shape(0).points[:-1]
        print(contents, *(bits(mean([point[axis] for point in points])) for axis in range(2)))

    def several(writer):
        for _ in range(2):
            writer.poly([ring(4, True)])
            yield "cell"

    def null(writer):
        writer.null()
        yield "cell"

    def one(method: str, *arguments):
        def add(writer):
            getattr(writer, method)(*arguments)
            yield "cell"

        return add

    deep = [[[x, y, 1.0, 2.0] for x, y in ring(5, True)]]
    print(written(shapefile.POLYGON, several))
    print(written(shapefile.POLYGON, null))
    print(written(shapefile.POLYGONZ, one("polyz", deep)))
    print(written(shapefile.POLYGONM, one("polym", [[[x, y, 1.0] for x, y in ring(5, True)]])))
    print(written(shapefile.POLYLINE, one("line", [ring(5, True)])))
    print(written(shapefile.POINT, one("point", 1, 2)))
    contents = base64.b64decode(written(shapefile.POLYGON, polygon([ring(4, True)])))
    print(base64.b64encode(contents[:-8] + struct.pack("<d", math.nan)).decode())
    for size in range(0, len(contents), 7):
        print(base64.b64encode(contents[:size]).decode() or "=")


def key(seed: int, cell_id: int) -> int:
    """Return output cell_id + 1 of splitmix64 with the mixed seed as its start."""
    mask = 2**64 - 1

    def mix(number: int) -> int:
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & mask
        number = (number ^ number >> 27) * 0x94D049BB133111EB & mask
        return number ^ number >> 31

    return mix(mix(seed & mask) + (cell_id + 1) * 0x9E3779B97F4A7C15 & mask)


def sizes(cells: list[int], wanted: int) -> list[int]:
    if sum(cells) <= wanted:
        return cells
    share = wanted / sum(cells)
    taken = [math.floor(count * share) for count in cells]
    turn = 0
    while sum(taken) < wanted:
        taken[turn] += taken[turn] < cells[turn]
        turn = (turn + 1) % len(cells)
    return taken


def threshold(negative: list[int], positive: list[int]) -> int:
    ends = [decode(max(c)) for c in [negative] if c] + [decode(min(c)) for c in [positive] if c]
    return max(1, encode(sum(ends) / len(ends)))


def subsample(wanted: int, seed: int) -> None:
    samples: dict[str, list] = {}
    for line in sys.stdin:
        sample, cell_id, phenotypes, *values = line.split()
        codes_of_cell = [encode(float(value)) for value in values]
        samples.setdefault(sample, []).append((int(cell_id), int(phenotypes), codes_of_cell))
    body = bytearray()
    counts = []
    names = sorted(samples)
    for name, size in zip(names, sizes([len(samples[name]) for name in names], wanted)):
        cells = samples[name]
        channels = len(cells[0][2])
        counts.append({"specimen": name, "count": size, "thresholds": [
            threshold([c[2][k] for c in cells if not c[1] >> k & 1],
                      [c[2][k] for c in cells if c[1] >> k & 1])
            for k in range(channels)]})
        chosen = sorted(cells, key=lambda cell: key(seed, cell[0]))[:size]
        for _, _, codes_of_cell in sorted(chosen):
            body += bytes(codes_of_cell)
    metadata = {"subsample_counts": counts, "channel_order": [f"f{k}" for k in range(channels)]}
    print(json.dumps(metadata, separators=(",", ":")))
    print(body.hex())


if __name__ == "__main__":
    if sys.argv[1] == "subsample":
        subsample(int(sys.argv[2]), int(sys.argv[3]))
    else:
        {"codes": codes, "shapes": shapes}[sys.argv[1]]()
