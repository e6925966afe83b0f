"""An independent encoder and decoder of layout dense, written from docs/format.md.

    dense_reference.py encode FILE    write the payload of the cells in FILE to standard output
    dense_reference.py decode FILE    write the cells of the payload in FILE to standard output

Cells are records of 20 bytes, little-endian, in ascending order of their ids: uint32 id, int32 x,
int32 y, uint64 mask (the phenotypes).
"""
import struct
import sys

import numpy as np

CELL = np.dtype([('id', '<u4'), ('x', '<i4'), ('y', '<i4'), ('mask', '<u8')])
HEADER = struct.Struct('<4sIIiiBBBBQQ')
MAGIC = b'CBD\1'
NO_PARENT = 255


class Invalid(ValueError):
    pass


def require(condition, rule):
    if not condition:
        raise Invalid(rule)


# Encoding

def zigzag(values):
    """Code the differences, wrapped to int32: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..."""
    d = np.diff(values, prepend=values[0])
    d = (d + 2**31) % 2**32 - 2**31
    return np.where(d >= 0, 2 * d, -2 * d - 1)


def length(value):
    return int(value).bit_length()


def lengths(values):
    return np.frexp(values.astype(float))[1]


def planes_of(values, width):
    """Return one row of n bits for each of the lowest "width" bits."""
    return np.array([(values.astype(np.uint64) >> np.uint64(k)) & np.uint64(1) for k in range(width)],
                    np.uint8).reshape(width, len(values))


def axis_planes(values, least):
    """Return a coordinate's byte and base in the header, and its planes."""
    n = len(values)
    offsets, deltas = values - values.min(), zigzag(values)
    wide, narrow = length(offsets.max()), length(deltas.max())
    if int(lengths(deltas).sum()) + n * (narrow + 1) < 2 * n * wide:
        return 0x80 | narrow, values[0], planes_of(deltas, narrow)
    width = max(wide, least)
    return width, values.min(), planes_of(offsets, width)


def encode(cells):
    n = len(cells)
    if n == 0:
        return MAGIC + bytes(36)
    ids = cells['id'].astype(np.int64)
    gaps = np.diff(ids, prepend=ids[0] - 1) - 1
    id_width = length(gaps.max())
    x_code, x_base, x_planes = axis_planes(cells['x'].astype(np.int64), 1)
    y_code, y_base, y_planes = axis_planes(cells['y'].astype(np.int64), 0)

    bits = planes_of(cells['mask'], 64)
    used = [k for k in range(64) if bits[k].min() != bits[k].max()]

    batch = np.arange(n) // 1024
    counted = bits[:, (batch < 64) | (batch % 16 == 0)].astype(np.float64)
    m = counted.shape[1]
    common = (counted @ counted.T).astype(int)

    base = [int(bits[k].min()) for k in range(64)]
    parents, stored = [], []
    for k in used:
        ones = common[k][k]
        candidates = [(min(ones, m - ones), -1)]
        for j in used:
            if j < k:
                differ = ones + common[j][j] - 2 * common[k][j]
                candidates.append((min(differ, m - differ), j))
        _, parent = min(candidates)
        row, differ = bits[k], ones
        if parent >= 0:
            row, differ = bits[k] ^ bits[parent], ones + common[parent][parent] - 2 * common[k][parent]
        invert = differ > m - differ
        stored.append(row ^ np.uint8(invert))
        base[k] = int(invert) ^ (base[parent] if parent >= 0 else 0)
        parents.append(parent if parent >= 0 else NO_PARENT)

    header = HEADER.pack(MAGIC, n, ids[0], x_base, y_base, id_width, x_code, y_code, 0,
                         sum(bit << k for k, bit in enumerate(base)), sum(1 << k for k in used))
    rows = np.concatenate([planes_of(gaps, id_width), x_planes, y_planes, np.array(stored, np.uint8).reshape(-1, n)])
    return header + bytes(parents) + np.packbits(rows, axis=1, bitorder='little').tobytes()


# Decoding. The numbers are those of the rules in docs/format.md.

def decode(payload):
    require(len(payload) >= 40, 1)
    magic, n, id_base, x_base, y_base, id_width, x_code, y_code, reserved, base, used_mask = HEADER.unpack(payload[:40])
    require(magic == MAGIC, 2)
    if n == 0:
        require(payload == MAGIC + bytes(36), 3)
        return np.zeros(0, CELL)
    x_width, y_width = x_code & 0x7f, y_code & 0x7f
    require(id_width <= 32, 4)
    require(1 <= x_width <= 32 and y_width <= 32 and y_code != 0x80, 5)
    require(reserved == 0, 6)
    used = [k for k in range(64) if used_mask >> k & 1]
    count = id_width + x_width + y_width + len(used)
    require(len(payload) == 40 + len(used) + count * ((n + 7) // 8), 7)
    parents = dict(zip(used, payload[40:]))
    require(all(p == NO_PARENT or p < k and p in parents for k, p in parents.items()), 8)

    rows = np.unpackbits(np.frombuffer(payload, np.uint8, offset=40 + len(used)).reshape(count, -1),
                         axis=1, bitorder='little')
    require(not rows[:, n:].any(), 9)
    rows = iter(rows[:, :n])

    def number(width):
        value = np.zeros(n, np.int64)
        for k in range(width):
            value |= next(rows).astype(np.int64) << k
        return value

    gaps = number(id_width)
    require(gaps[0] == 0 and length(gaps.max()) == id_width, 10)
    ids = id_base + np.cumsum(gaps + 1) - 1
    require(ids[-1] < 2**32, 11)

    def axis(code, start, least):
        values = number(code & 0x7f)
        if code & 0x80:
            require(values[0] == 0 and length(values.max()) == code & 0x7f, 12)
            steps = np.where(values & 1, -(values >> 1) - 1, values >> 1)
            return (start + np.cumsum(steps) + 2**31) % 2**32 - 2**31
        require(values.min() == 0 and max(length(values.max()), least) == code, 13)
        require(start + values.max() < 2**31, 14)
        return start + values

    cells = np.zeros(n, CELL)
    cells['id'] = ids
    cells['x'] = axis(x_code, x_base, 1)
    cells['y'] = axis(y_code, y_base, 0)

    planes = {}
    cells['mask'] = base
    for k in used:
        planes[k] = next(rows) ^ (planes[parents[k]] if parents[k] != NO_PARENT else 0)
        require(planes[k].min() != planes[k].max(), 15)
        cells['mask'] ^= planes[k].astype(np.uint64) << np.uint64(k)
    return cells


def main(how, path):
    if how == 'encode':
        sys.stdout.buffer.write(encode(np.fromfile(path, CELL)))
    else:
        with open(path, 'rb') as file:
            sys.stdout.buffer.write(decode(file.read()).tobytes())


if __name__ == '__main__':
    main(*sys.argv[1:])
