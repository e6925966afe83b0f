"""An independent packer, from docs/format.md and SPT's source: no code in common with the extension.

    packer.py csv FILE LAYOUT     the payload of a CSV such as moldoveanu/0.csv
    packer.py cells FILE          the cells of such a CSV, as lines "cell_id x y phenotypes"
    packer.py spt FILE CHANNELS   what SPT serves for FILE with the channels of elementary_phenotypes.csv
    packer.py rows LAYOUT         the payload of lines "cell_id x y phenotypes" of standard input

Payloads go to standard output as their SHA-256 in hexadecimal.
"""
import csv
import hashlib
import re
import struct
import sys


def read_csv(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def centroid(row):
    return ((float(row['XMin']) + float(row['XMax'])) / 2, (float(row['YMin']) + float(row['YMax'])) / 2)


def mask(row, columns):
    return sum(1 << bit for bit, column in enumerate(columns) if float(row[column]) == 1)


def cells_of_csv(path):
    rows = read_csv(path)
    columns = [name for name in rows[0] if re.search('[ _]Positive$', name)]
    return [(i, *centroid(row), mask(row, columns)) for i, row in enumerate(rows)]


def cells_of_spt(path, channels):
    """SPT drops duplicate rows, names channels by their number and orders bits by these names as text."""
    unique = list({tuple(row.items()): row for row in read_csv(path)}.values())
    prefixes = [channel['Column header fragment prefix'] for channel in read_csv(channels)]
    columns = [prefixes[int(name)] + '_Positive' for name in sorted(str(i) for i in range(len(prefixes)))]
    return [(i, *centroid(row), mask(row, columns)) for i, row in enumerate(unique)]


def compact(cells):
    return struct.pack('<I', len(cells)) + b''.join(
        struct.pack('<iiQ', int(x), int(y), phenotypes) for _, x, y, phenotypes in cells)


def spt(cells):
    if not cells:
        return bytes(20)
    min_x = min(cell[1] for cell in cells)
    min_y = min(cell[2] for cell in cells)
    if min_x <= 1 or min_y <= 1:
        cells = [(i, x - min_x + 1, y - min_y + 1, phenotypes) for i, x, y, phenotypes in cells]
    xs = [int(cell[1]) for cell in cells]
    ys = [int(cell[2]) for cell in cells]
    return struct.pack('>IIIII', len(cells), min(xs), max(xs), min(ys), max(ys)) + b''.join(
        struct.pack('>III', i, int(x), int(y)) + struct.pack('<Q', phenotypes) for i, x, y, phenotypes in cells)


def dense(cells):
    import dense_reference
    rows = [(i, int(x), int(y), phenotypes) for i, x, y, phenotypes in cells]
    return dense_reference.encode(dense_reference.np.array(rows, dense_reference.CELL))


def main(how, *arguments):
    layouts = {'compact': compact, 'spt': spt, 'dense': dense}
    if how == 'cells':
        for i, x, y, phenotypes in cells_of_csv(*arguments):
            print(i, int(x), int(y), phenotypes)
        return
    if how == 'csv':
        path, layout = arguments
        payload = layouts[layout](cells_of_csv(path))
    elif how == 'spt':
        payload = spt(cells_of_spt(*arguments))
    else:
        layout, = arguments
        rows = (line.split() for line in sys.stdin)
        cells = ((int(i), int(x), int(y), int(phenotypes) & (1 << 64) - 1) for i, x, y, phenotypes in rows)
        payload = layouts[layout](sorted(cells))
    print(hashlib.sha256(payload).hexdigest())


if __name__ == '__main__':
    main(*sys.argv[1:])
