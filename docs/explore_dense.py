"""Layouts of cells for the network, in bytes per cell.

    explore_dense.py DIRECTORY [FILE...] > table.md

DIRECTORY has the samples 0.csv, 1.csv ... (columns XMin, XMax, YMin, YMax and "... Positive"). Each FILE has a large
slide as lines id,x,y,phenotypes. The program needs numpy, zstandard and brotli. Each number is the mean over the
samples of a sample's bytes per cell.
"""
import csv
import glob
import os
import re
import sys
import zlib

import brotli
import numpy as np
import zstandard

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../test/t'))
from dense_reference import CELL, encode

CODERS = {'plain': len, **{f'zstd-{level}': lambda b, level=level: len(zstandard.compress(b, level)) for level in (1, 3, 6, 19)},
          'gzip-6': lambda b: len(zlib.compress(b, 6, 31)),
          **{f'brotli-{q}': lambda b, q=q: len(brotli.compress(b, quality=q)) for q in (5, 11)}}
FAST = {name: coder for name, coder in CODERS.items() if name not in ('zstd-19', 'brotli-11')}  # for large slides
DENSE = '**dense** (header; the better of - min and delta; XOR the best lower)'

class Slide:
    def __init__(self, ids, x, y, mask):
        self.n, self.ids, self.x, self.y, self.mask = len(x), ids, x, y, mask
        bits = (mask[:, None] >> np.arange(64, dtype='u8') & np.uint64(1)).astype(np.uint8)
        self.bits = bits[:, bits.any(0) & ~bits.all(0)]

    def ordered(self, order):
        return Slide(self.ids[order], self.x[order], self.y[order], self.mask[order])

def read_csv(path):
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if re.search('[ _]Positive$', name)]
    middle = lambda row, axis: int((float(row[axis + 'Min']) + float(row[axis + 'Max'])) / 2)
    return Slide(np.arange(len(rows)), np.array([middle(r, 'X') for r in rows]), np.array([middle(r, 'Y') for r in rows]),
                 np.array([sum(1 << k for k, c in enumerate(columns) if float(r[c]) == 1) for r in rows], 'u8'))

def read_lines(path):
    a = np.loadtxt(path, delimiter=',', dtype=np.int64)
    return Slide(a[:, 0], a[:, 1], a[:, 2], a[:, 3].astype('u8'))

# Numbers
def zigzag(d):
    return np.where(d >= 0, 2 * d, -2 * d - 1)

def delta(v):
    return zigzag(np.diff(v, prepend=v[0]))

def mean_of_two(v):
    return zigzag(v - (np.r_[v[0], v[:-1]] + np.r_[v[0], v[0], v[:-2]] >> 1))

def bits_of(values):
    return (values[:, None] >> np.arange(max(1, int(values.max()).bit_length())) & 1).astype(np.uint8)

def planes(bits):
    """Bit planes of numbers, or of a matrix with a row for each cell and a column for each plane."""
    return np.packbits(bits if bits.ndim == 2 else bits_of(bits), axis=0, bitorder='little').T.tobytes()

def columns(values, width=2):
    return values.astype('<u8').view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()

def packed_blocks(v):
    """Frame of reference and bit packing in blocks of 1024 cells."""
    return b''.join(bytes(5) + np.packbits(bits_of(v[i:i + 1024] - v[i:i + 1024].min())).tobytes() for i in range(0, len(v), 1024))

def entropy(values):
    """Bytes per value, or per row of planes, of an ideal coder for independent values, without its table."""
    if values.ndim == 2:
        return sum(map(entropy, values.T))
    p = np.unique(values, return_counts=True)[1] / len(values)
    return -(p * np.log2(p)).sum() / 8

# Phenotypes
def flipped(bits):
    return bits ^ (bits.mean(0) > .5)

def sparsest_first(bits):
    return bits[:, np.argsort(bits.mean(0), kind='stable')]

def xor_tree(bits, free=False):
    """Each plane XORed with the plane that is most similar (or most different) among the lower planes, or among all (a spanning tree)."""
    b, n = bits.astype(np.float32), len(bits)
    ones = b.sum(0)
    differ = ones[:, None] + ones - 2 * (b.T @ b)
    best, pairs, parent = np.minimum(ones, n - ones), np.minimum(differ, n - differ), np.full(len(ones), -1)
    left, out = list(range(len(ones))), []
    while left:
        k = min(left, key=lambda j: best[j]) if free else left[0]
        left.remove(k)
        out.append(bits[:, k] ^ (bits[:, parent[k]] if parent[k] >= 0 else 0))
        for j in left:
            if pairs[k, j] < best[j]:
                best[j], parent[j] = pairs[k, j], k
    return flipped(np.array(out).T)

def mutual_information(bits):
    single = [entropy(c) for c in bits.T]
    return np.array([[single[a] + single[b] - entropy(bits[:, a] * 2 + bits[:, b]) if a != b else 0
                      for b in range(len(single))] for a in range(len(single))])

def chow_liu(bits):
    information, gain = mutual_information(bits), 0
    done, best = [0], information[0].copy()
    while len(done) < len(best):
        best[done] = -1
        done.append(int(best.argmax()))
        gain += best[done[-1]]
        best = np.maximum(best, information[done[-1]])
    return entropy(bits) - gain

def groups(bits, size):
    """Numbers made of `size` features each, whose mutual information is high."""
    information, left, out = mutual_information(bits), list(range(bits.shape[1])), []
    while left:
        group = [left.pop(0)]
        while left and len(group) < size:
            group.append(max(left, key=lambda j: information[group, j].sum()))
            left.remove(group[-1])
        out.append(bits[:, group] @ (1 << np.arange(len(group))))
    return out

def by_rank(values):
    """Each value replaced by its rank in the order of frequency; and the values in that order."""
    distinct, index, count = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind='stable')
    return np.argsort(order)[index], distinct[order]

def shared_bytes(numbers):
    """Byte columns. Numbers below 16 take half a byte."""
    pad = np.pad(numbers, (0, len(numbers) % 2))
    return (pad[::2] | pad[1::2] << 4 if numbers.max() < 16 else numbers).astype(np.uint8).tobytes()

# Whole payloads and orders
def morton(s):
    return sum((s.x >> k & 1) << 2 * k | (s.y >> k & 1) << 2 * k + 1 for k in range(20))

def hilbert(s):
    x, y, d = s.x.copy(), s.y.copy(), np.zeros(s.n, np.int64)
    for bit in (1 << k for k in reversed(range(16))):
        rx, ry = (x & bit > 0).astype(np.int64), (y & bit > 0).astype(np.int64)
        d += bit * bit * (3 * rx ^ ry)
        flip = (ry == 0) & (rx == 1)
        x[flip], y[flip] = bit - 1 - (x[flip] & bit - 1), bit - 1 - (y[flip] & bit - 1)
        x, y = np.where(ry == 0, y, x), np.where(ry == 0, x, y)
    return d

def in_order(key, ids=lambda s: b''):
    def layout(s):
        s = s.ordered(np.argsort(key(s), kind='stable'))
        return planes(delta(s.x)) + planes(delta(s.y)) + planes(xor_tree(s.bits)) + ids(s)
    return layout

def cells(s):
    return np.rec.fromarrays([s.ids, s.x, s.y, s.mask], dtype=CELL)

def flushed(parts):
    c = zstandard.ZstdCompressor(level=3).compressobj()
    return sum(len(c.compress(p) + c.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)) for p in parts) + len(c.flush())

ENTROPIES = {
    'x': lambda s: entropy(s.x), 'x, difference from the previous cell': lambda s: entropy(delta(s.x)),
    'y': lambda s: entropy(s.y), 'y, difference from the previous cell': lambda s: entropy(delta(s.y)),
    'the same, bit by bit (zigzag)': lambda s: entropy(bits_of(delta(s.y))),
    'y, difference from the mean of the two previous cells': lambda s: entropy(mean_of_two(s.y)),
    'phenotypes, feature by feature': lambda s: entropy(s.bits),
    'phenotypes, each feature XOR its best lower feature': lambda s: entropy(xor_tree(s.bits)),
    'phenotypes, each feature XOR its best (spanning tree)': lambda s: entropy(xor_tree(s.bits, True)),
    'phenotypes, each feature conditional on its best (Chow-Liu tree)': lambda s: chow_liu(s.bits),
    'phenotypes, groups of 4 features': lambda s: sum(entropy(g) for g in groups(s.bits, 4)),
    'phenotypes, groups of 8 features (256 values, too many for so few cells)': lambda s: sum(entropy(g) for g in groups(s.bits, 8)),
    'distinct phenotype masks per cell': lambda s: len(np.unique(s.mask)) / s.n,
    'saving of a free order of the cells, log2(n!)': lambda s: np.log2(np.arange(1, s.n + 1)).sum() / s.n / 8}
X = {'int32': lambda s: s.x.astype('<i4').tobytes(), 'int16': lambda s: s.x.astype('<i2').tobytes(),
     'low bytes, high bytes': lambda s: columns(s.x), 'x - min, planes': lambda s: planes(s.x - s.x.min()),
     'x - min of 1024 cells, packed': lambda s: packed_blocks(s.x),
     'delta, low and high bytes': lambda s: columns(delta(s.x)), 'delta, planes': lambda s: planes(delta(s.x))}
Y = {'int16': lambda s: s.y.astype('<i2').tobytes(), 'low bytes, high bytes': lambda s: columns(s.y),
     'y - min, planes': lambda s: planes(s.y - s.y.min()), 'y - min of 1024 cells, packed': lambda s: packed_blocks(s.y),
     'delta zigzag, low and high bytes': lambda s: columns(delta(s.y)), 'delta zigzag, bytes': lambda s: columns(delta(s.y), 1),
     'delta zigzag, planes': lambda s: planes(delta(s.y)), 'the same, Gray code': lambda s: planes(delta(s.y) ^ delta(s.y) >> 1),
     'difference from the mean of the two previous cells, planes': lambda s: planes(mean_of_two(s.y))}
PHENOTYPES = {
    'uint64': lambda s: s.mask.tobytes(), '8 byte columns': lambda s: columns(s.mask, 8),
    'planes': lambda s: planes(s.bits), 'planes, sparsest first': lambda s: planes(sparsest_first(s.bits)),
    'planes, inverted if mostly ones': lambda s: planes(flipped(s.bits)),
    'inverted, sparsest first': lambda s: planes(sparsest_first(flipped(s.bits))),
    'planes XOR the previous cell': lambda s: planes(np.diff(s.bits, axis=0, prepend=0) & 1),
    'dictionary by frequency, index in 2 byte columns': lambda s: columns(by_rank(s.mask)[1], 8) + columns(by_rank(s.mask)[0]),
    'dictionary by frequency, index in planes': lambda s: columns(by_rank(s.mask)[1], 8) + planes(by_rank(s.mask)[0]),
    '8 correlated features share a byte': lambda s: b''.join(shared_bytes(g) for g in groups(s.bits, 8)),
    '8 share a byte, ranked by frequency (tables not counted)': lambda s: b''.join(shared_bytes(by_rank(g)[0]) for g in groups(s.bits, 8)),
    '4 share half a byte, ranked (tables not counted)': lambda s: b''.join(shared_bytes(by_rank(g)[0]) for g in groups(s.bits, 4)),
    'XOR the best lower plane': lambda s: planes(xor_tree(s.bits)),
    'XOR the best lower plane, sparsest first': lambda s: planes(sparsest_first(xor_tree(s.bits))),
    'XOR the best plane (spanning tree)': lambda s: planes(xor_tree(s.bits, True))}
ORDERS = {
    'cell_id order': in_order(lambda s: s.ids),
    **{f'{name}; {how}': in_order(key, ids)
       for name, key in {'raster (y, x)': lambda s: s.y << 20 | s.x, 'Morton': morton, 'Hilbert': hilbert}.items()
       for how, ids in {'without ids': lambda s: b'', 'ids in planes': lambda s: planes(s.ids),
                        'ids minus the rank by (y, x), in planes':
                            lambda s: planes(zigzag(s.ids - np.argsort(np.lexsort((s.x, s.y)))))}.items()}}
COORDINATES = lambda s: planes(s.x - s.x.min()) + planes(delta(s.y))
WHOLE = {
    'compact (no ids)': lambda s: cells(s)[['x', 'y', 'mask']].astype('<i4,<i4,<u8').tobytes(),
    'delta in 2 bytes, planes': lambda s: columns(delta(s.x)) + columns(delta(s.y)) + planes(s.bits),
    'planes: x - min, delta y, phenotypes': lambda s: COORDINATES(s) + planes(s.bits),
    'bytes of x - min, bytes of delta y, XOR the best lower plane': lambda s: columns(s.x - s.x.min()) + columns(delta(s.y)) + planes(xor_tree(s.bits)),
    DENSE: lambda s: encode(cells(s)),
    'x - min, delta y, XOR the best (spanning tree), no header': lambda s: COORDINATES(s) + planes(xor_tree(s.bits, True)),
    'dense in blocks of 1024 cells, each with its header':
        lambda s: b''.join(encode(cells(s)[i:i + 1024]) for i in range(0, s.n, 1024))}

def head(title, coders=CODERS):
    print(f'\n## {title}\n\n| | {" | ".join(coders)} |\n|---|' + '---:|' * len(coders))

def row(name, slides, layout, coders=CODERS.values()):
    coded = [[coder(payload) / s.n for coder in coders] for s, payload in zip(slides, map(layout, slides))]
    print(f'| {name} | {" | ".join(f"{v:.3f}" for v in np.mean(coded, 0))} |', flush=True)

def main(directory, *files):
    slides = [read_csv(path) for path in sorted(glob.glob(f'{directory}/[0-9]*.csv'))]
    print(f'# Dense layouts: bytes per cell, mean of {len(slides)} samples\n\n## Entropy\n\n| | bytes per cell |\n|---|---:|')
    for name, measure in ENTROPIES.items():
        row(name, slides, lambda s: measure(s) * s.n, [lambda total: total])
    for title, rows in {'x, in cell_id order': X, 'y, in cell_id order': Y, 'Phenotypes, in cell_id order': PHENOTYPES,
                        'Orders; x and y as deltas, phenotypes XOR the best lower plane, no header': ORDERS,
                        'Whole payloads, in cell_id order': WHOLE}.items():
        head(title)
        for name, layout in rows.items():
            row(name, slides, layout)
    print('\ndense, zstd-3 flushed after x (no header): %.3f' % np.mean(
        [flushed([planes(s.x - s.x.min()), planes(delta(s.y)) + planes(xor_tree(s.bits))]) / s.n for s in slides]))
    head('dense, sample by sample')
    for i, s in enumerate(slides):
        row(f'{i}: {s.n} cells', [s], WHOLE[DENSE])
    for path in files:
        head(f'A large slide, {path}', FAST)
        for name, layout in WHOLE.items():
            row(name, [read_lines(path)], layout, FAST.values())

main(*sys.argv[1:])
