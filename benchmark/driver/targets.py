"""The targets of the extension, and whether a run met them."""
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Callable

import cluster
import serving

COMPACT_BYTES = 16              # per cell in layout compact
SMPROFILER_FEATURES = 30        # rows per cell in SMProfiler's long table
SMPROFILER_WORK_MEMORY = 40e6   # bytes that the plan takes with work_mem = 4MB, for any number of rows


class Figures:
    """Figures computed from the times of a run. Each method raises LookupError if a time is missing."""

    def __init__(self, suite, peaks):
        self.suite, self.peaks = suite, peaks
        self.main, self.smallest = f'cells_{suite.main}', f'cells_{suite.smallest}'

    def ratio(self, dividend, divisor, data=None):
        """The ratio of the times of two workloads: the median of the rounds' ratios, because noise is common to a round."""
        data = data or self.main
        times = zip(self.suite.get(dividend, data).times, self.suite.get(divisor, data).times)
        return median(one / other for one, other in times)

    def growth(self, name):
        """Time per cell at the largest size divided by that at the smallest size."""
        largest = max(self.suite.sizes, key=self.suite.sizes.get)
        if largest == self.suite.smallest:
            raise LookupError('not measured: there is only one size')
        cells = self.suite.sizes[largest] / self.suite.sizes[self.suite.smallest]
        times = zip(self.suite.get(name, f'cells_{largest}').times, self.suite.get(name, self.smallest).times)
        return median(one / other / cells for one, other in times)

    def count(self, layout):
        """Milliseconds of one cell_count of a payload in memory. The workload count_features counts 30 times, count once."""
        thirty, once = (self.suite.get(f'{name}_{layout}', self.main).times for name in ('count_features', 'count'))
        return 1000 * median((many - one) / 29 for many, one in zip(thirty, once))

    def overhead(self, name):
        """MB of private memory at the peak, less 1.15 times the payload."""
        peak = self.peaks.get(name, {'error': 'not measured'})
        if 'error' in peak:
            raise LookupError(peak['error'])
        return (peak['peak'] - 1.15 * int(self.suite.get(name, self.main).result[0])) / 1e6

    def long_rows(self, name):
        """Millions of rows of SMProfiler's long table per second."""
        return self.suite.cells['smprofiler'] * SMPROFILER_FEATURES / 1e6 / median(self.suite.get(name, 'smprofiler').times)

    def bytes_a_cell_at_peak(self, name):
        """Bytes of private memory at the peak per cell of SMProfiler's tables, less the memory that work_mem allows the plan."""
        peak = self.peaks.get(name, {'error': 'not measured'})
        if 'error' in peak:
            raise LookupError(peak['error'])
        return max(0, peak['peak'] - SMPROFILER_WORK_MEMORY) / self.suite.cells['smprofiler']

    def packings(self):
        """The number of times that the server packed a payload for which many sessions asked at the same time."""
        return float(self.suite.get('serve_crowd', self.main).result[0])

    def bytes_a_cell(self, data, layout, coding=None, level=None):
        """The mean over the samples of a data set."""
        name = f'encode_{layout}_{coding}_{level}' if coding else f'read_{layout}'
        return float(self.suite.get(name, data).result[0])

    def speed(self, data, layout, coding=None, level=None):
        """MB of layout compact, divided by the time of the layout beyond compact plus that of the coding beyond reading."""
        spent = difference(self.suite.get(f'samples_{layout}', data), self.suite.get('samples_compact', data))
        if coding:
            spent += difference(self.suite.get(f'encode_{layout}_{coding}_{level}', data), self.suite.get(f'read_{layout}', data))
        if spent == 0:
            raise LookupError('no slower than compact')
        return COMPACT_BYTES * self.suite.cells[data] / 1e6 / spent


def difference(workload, part):
    """Seconds that a workload takes beyond another workload that is a part of it."""
    return max(0, median(one - other for one, other in zip(workload.times, part.times)))


@dataclass
class Target:
    what: str
    sign: str           # <= or >=
    limit: float
    unit: str
    figure: Callable[[], float]     # raises LookupError if there is no figure

    def evaluate(self):
        """A row of the report: the measured figure and whether it meets the target, or the reason why there is none."""
        row = {'what': self.what, 'sign': self.sign, 'limit': self.limit, 'unit': self.unit}
        try:
            measured = self.figure()
        except LookupError as error:
            return {**row, 'measured': None, 'met': None, 'why': error.args[0]}
        met = measured <= self.limit if self.sign == '<=' else measured >= self.limit
        return {**row, 'measured': measured, 'met': met}


def targets(figures):
    """All targets. The report explains "x the time" and "x faster"."""
    ratio, sizes = figures.ratio, figures.suite.sizes
    largest = max(sizes, key=sizes.get)
    time, faster = 'x the time', 'x faster'
    beyond = 'peak of private memory beyond the idle backend and 1.15 x payload'
    growth = f'time per cell, {largest} cells against {figures.suite.smallest} cells'
    dense = 'dense, real samples'
    zstd = 'moldoveanu', 'dense', 'zstd', 3
    return [
        Target('cell_pack(x, y, phenotypes) against sum(x), sum(y), bit_or(phenotypes)', '<=', 1, time,
               partial(ratio, 'pack', 'aggregate_baseline')),
        *[Target(f'cell_pack(x, y, phenotypes) against {peer}', '>=', limit, faster, partial(ratio, name, 'pack'))
          for peer, name, limit in [('json_agg', 'json_agg', 12), ('string_agg', 'string_agg', 2.2),
                                    ('COPY (FORMAT binary)', 'copy_binary', 2.2), ('ST_AsMVT', 'st_asmvt', 5)]],
        Target('with ids: rows in random order against rows in the order of the ids', '<=', 1.25, time,
               partial(ratio, 'pack_random', 'pack_with_ids')),
        Target('with ids against string_agg(... ORDER BY cell_id)', '>=', 5, faster,
               partial(ratio, 'string_agg_ordered', 'pack_with_ids')),
        *[Target(f'with ids: layout {layout} against compact', '<=', 1.15, time,
                 partial(ratio, f'pack_{layout}', 'pack_with_ids')) for layout in ('arrow', 'spt')],
        *[Target(f'parallel plan with 2 workers against a plan without, {what}', '<=', 1, time, partial(ratio, f'{name}_parallel', name))
          for what, name in [('without ids', 'pack'), ('with ids', 'pack_with_ids')]],
        *[Target(f'{beyond}, {what}', '<=', 16, ' MB', partial(figures.overhead, name))
          for what, name in [('compact', 'pack'), ('compact with ids', 'pack_with_ids'),
                             ('compact, rows in random order', 'pack_random'), ('spt', 'pack_spt'),
                             ('spt from double precision', 'pack_spt_double')]],
        *[Target(f'{growth}, {what}', '<=', 1.15, time, partial(figures.growth, name))
          for what, name in [('without ids', 'pack'), ('with ids', 'pack_with_ids')]],
        Target(f'{dense}, with zstd 3', '<=', 5.7, ' bytes per cell', partial(figures.bytes_a_cell, *zstd)),
        Target(f'{dense}, with zstd 3: encoding', '>=', 200, ' MB/s', partial(figures.speed, *zstd)),
        Target(f'{dense}, no coding', '<=', 9, ' bytes per cell', partial(figures.bytes_a_cell, *zstd[:2])),
        Target('cell_unpack against generate_series with the same number of rows of 4 columns', '<=', 1.3, time,
               partial(ratio, 'unpack', 'generate_series')),
        *[Target(f'cell_count of a payload in memory, layout {layout}', '<=', 10, ' ms', partial(figures.count, layout))
          for layout in ('compact', 'spt', 'arrow', 'dense')],
        *[Target(what, '<=', limit, time, partial(ratio, f'serve_{name}', f'serve_{name}_without'))
          for what, name, limit in [
              ('cell_data of a ready payload against the same bytea selected from a table', 'ready', 1.2),
              ('cell_data of a ready payload of a million cells with 30 intensities against the same bytea', 'intensity', 1.2),
              ('cell_data of a ready subsample of a million cells against the same bytea', 'subsample', 1.2),
              ('cell_data of a payload that is not ready against INSERT of cell_pack into a table, RETURNING the payload', 'cold', 1.15),
              ('UPDATE of a row by its key in a registered table against an unregistered one', 'update', 1.2),
              ('COPY into a registered table against an unregistered one', 'copy', 1.1),
              *((f'cell_data_samples on three servers against one server with the same rows, layout {layout}', f'apart_{layout}', 1.1)
                for layout in cluster.LAYOUTS)]],
        *[Target(f'scan: {what}', '<=', limit, time, partial(ratio, name, count))
          for what, name, count, limit in [
              ('cell_data of the only sample, column of phenotypes, against count(*)', 'shape_slide_compact', 'shape_slide_rows', 0.7),
              *((f'cell_data of the only sample in layout {layout} against compact', f'shape_slide_{layout}', 'shape_slide_compact', limit)
                for layout, limit in [('spt', 1.2), ('dense', 1.6), ('arrow', 1.3)]),
              ('cell_data of one of ten samples, 30 boolean columns, against count(*) of the sample', 'shape_columns_sample', 'shape_columns_sample_rows', 1),
              ('cell_data_samples of ten samples, column of phenotypes, against count(*)', 'shape_slides', 'shape_slides_rows', 0.8),
              ('cell_data_samples of ten samples, 30 boolean columns, against count(*)', 'shape_columns', 'shape_columns_rows', 1.1),
              ('cell_pack with cell_phenotypes of 30 boolean columns against count(...) of the last column', 'shape_columns_pack', 'shape_columns_last', 1.5),
              ('cell_pack of a table that is not in memory against count(*)', 'cold_pack', 'cold_rows', 1.05)]],
        *[Target(f'scan: {what} against count(*) of SMProfiler\'s long table', '<=', limit, time, partial(ratio, name, 'smprofiler_rows', 'smprofiler'))
          for what, name, limit in [('cell_collect_phenotypes', 'smprofiler_phenotypes', 1.3), ('cell_data in layout spt', 'smprofiler_pack', 2.5),
                                    ('cell_pack_intensities', 'smprofiler_intensities', 3.5)]],
        *[Target(f'scan: {beyond}, {what}', '<=', 16, ' MB', partial(figures.overhead, f'shape_{name}'))
          for what, name in [('cell_data of the only sample', 'slide_compact'), ('the same in layout spt', 'slide_spt'),
                             ('cell_pack, rows in random order', 'random'), ('cell_data of one of ten samples, column of phenotypes', 'slides_sample'),
                             ('cell_data of one of ten samples, 30 boolean columns', 'columns_sample'), ('cell_data of a partition', 'partitions_sample'),
                             ('cell_pack of all rows, 30 boolean columns', 'columns_pack')]],
        Target('rows of SMProfiler\'s long table to phenotypes, by cell_collect_phenotypes alone', '>=', 3, ' M/s', partial(figures.long_rows, 'smprofiler_phenotypes')),
        *[Target(f'rows of SMProfiler\'s long table to the payload, {what}', '>=', 3, ' M/s', partial(figures.long_rows, name))
          for what, name in [('one process, no JIT', 'smprofiler_pack'), ('workers and JIT allowed', 'smprofiler_pack_default')]],
        Target('the same in one process: private memory at the peak beyond 40 MB (the payload takes 20 bytes per cell)', '<=', 60, ' bytes per cell',
               partial(figures.bytes_a_cell_at_peak, 'smprofiler_pack')),
        Target(f'packings when {serving.SESSIONS} sessions ask at the same time for a payload that is not ready', '<=', 1, '', figures.packings),
    ]
