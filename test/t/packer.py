"""An independent packer, written from docs/format.md and the source of SMProfiler (formerly SPT).

    packer.py csv FILE LAYOUT     pack a CSV file such as moldoveanu/0.csv
    packer.py cells FILE          print the cells of such a file as lines "cell_id x y phenotypes"
    packer.py spt FILE CHANNELS   pack FILE as SMProfiler does, with its elementary_phenotypes.csv
    packer.py rows LAYOUT         pack lines "cell_id x y phenotypes" from standard input

Of a payload, only the SHA-256 is printed, in hexadecimal. The packer shares no code with the
extension.
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
    """Return the cells as SMProfiler reads them.

    It drops duplicate rows, names channels by their numbers, and orders the bits by these names as
    text.
    """
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
