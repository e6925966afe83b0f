"""Random tables for scan_sameness.py: how they are stored, and how their rows change.

A table does not use the database. Its methods return statements, or lists of (session, statement).
"""
import dataclasses

from scan_columns import (FEATURE_NAMES, LONG_TEXTS, ROW_ORDERS, Column, cell_id_column, coordinate_columns, draw_sample, feature_columns, filler_columns, generated,
                          intensities_column, long_columns, quoted, sample_column, salted)

KINDS = {    # weights
    'plain': 40, 'temporary': 8, 'unlogged': 5, 'materialized view': 7, 'view': 4, 'list': 10, 'range': 8, 'range and list': 5, 'inheritance': 8,
    'union': 8, 'foreign leaf': 2, 'not populated': 1,
}
PARTITIONED = ('list', 'range', 'range and list', 'foreign leaf')
NARROWER = {'bigint': 'integer', 'integer': 'smallint'}


@dataclasses.dataclass
class Part:
    """A relation that holds rows, with the names of its columns."""
    name: str
    columns: list[str]


class Table:
    def __init__(self, random, number, version):
        self.random, self.name, self.version = random, f't{number}', version
        self.kind = random.choices(list(KINDS), list(KINDS.values()))[0]
        self.long = random.random() < 0.25
        self.rows = random.choice([0, 1, 2, 5, 30] + [100] * 8 + [200] * 5 + [300] * 4 + [700] * 3 + [4000]) // (4 if self.long else 1)     # of a long table: cells
        self.row_order = random.choice(ROW_ORDERS)
        self.sample = draw_sample(random)
        self.features = random.sample(FEATURE_NAMES + LONG_TEXTS[:1], random.choice([1, 2, 5, 8])) if self.long else []
        self.next_number = 1
        self.small_toast = random.random() < 0.15     # Short texts are compressed or out of line, too.
        self.faulty = self.may_have_null_sample = False
        self.draw_columns()
        self.parts = []
        self.late_drops = []   # statements that drop columns after rows exist
        self.indexes = {}      # kinds, by names

    # ---- Columns ----

    def draw_columns(self):
        random = self.random
        block = self.draw_features()
        rest = [sample_column(random, self.sample, self.rows), Column('number', random.choice(['smallint', 'integer', 'bigint']), '{i}', fixed=True)]
        rest += filler_columns(random) + self.draw_roles()
        if not self.long and random.random() < 0.4:
            rest.append(intensities_column(random, 2 if block[0].name == 'phenotypes' else len(block)))
        if random.random() < 0.3:
            rest, block = rest + block, []
        random.shuffle(rest)
        place = random.randrange(len(rest) + 1)
        self.columns = rest[:place] + block + rest[place:]
        self.draw_null_samples()
        self.draw_added()
        self.draw_generated()
        for column in self.columns:
            if column.name == 'sample' or not column.name.startswith('filler'):
                nullable = 'CASE' in column.value or column.default == '' or column.source or random.random() < 0.5
                column.options += '' if nullable else ' NOT NULL'

    def draw_features(self):
        return [] if self.long else feature_columns(self.random)

    def draw_roles(self):
        if self.long:
            return long_columns(self.random, self.features)
        return [cell_id_column(self.random), *coordinate_columns(self.random)]

    def draw_null_samples(self):
        """Let some samples be null."""
        if self.random.random() < 0.15:
            self.may_have_null_sample = True
            column = self.column('sample')
            column.value = salted(self.random, f'CASE WHEN draw({{i}}, {{salt}}, 6) > 0 THEN {column.value} END')

    def draw_added(self):
        """Let some columns be added after the first rows."""
        if self.random.random() < 0.7:
            return
        for column in self.random.sample(self.columns, min(2, len(self.columns))):
            if column.name.startswith('filler'):
                column.default = self.random.choice(['', 'NULL'])
            elif not column.fixed and column.name not in ('sample', 'x', 'y') and 'CASE' not in column.value:
                column.default = {'boolean': 'true'}.get(column.type, '1')
            elif column.name in 'xy' or column.name == 'sample' and self.kind not in PARTITIONED:
                column.default = self.sample.literals[0] if column.name == 'sample' else '1'
                column.default += f'::{column.type}'

    def draw_generated(self):
        if self.random.random() < 0.9 or self.kind in PARTITIONED + ('inheritance',):
            return
        column = self.random.choice([column for column in self.columns if column.default is None and column.name not in ('number', 'sample')])
        place = self.columns.index(column)
        self.columns[place:place + 1] = generated(column)

    def column(self, name):
        return next(column for column in self.columns if column.name == name)

    def stored_apart(self):
        """Return whether a name that the scan compares can be compressed or out of line."""
        return self.small_toast or self.sample.long or any(len(feature) > 100 for feature in self.features)

    def definitions(self, columns, narrow=False):
        lines = []
        for column in columns:
            type = NARROWER.get(column.type, column.type) if narrow and self.is_small(column) else column.type
            kind = 'VIRTUAL' if self.version >= 180000 and not column.fixed else 'STORED'
            generation = f' GENERATED ALWAYS AS ({column.source.name}) {kind}' if column.source else ''
            lines.append(f'{column.name} {type} {column.options}{generation}')
        return ', '.join(lines)

    def is_small(self, column):
        """Return whether the values of an integer column fit into a smaller type."""
        return column.value.startswith(('draw(', '{i}', '3 *', '32000 -', '({i} # 1)')) or column.name == 'sample' and '2147483' not in column.value

    # ---- Creating ----

    def storage(self):
        random = self.random
        options = [f'fillfactor = {random.choice([10, 50, 90, 100])}'] * (random.random() < 0.4) + ['toast_tuple_target = 128'] * self.small_toast
        return f" WITH ({', '.join(options)})" if options else ''

    def create_table(self, name, columns, kind='', end='', narrow=False, attached=False):
        """Return statements that create a table, perhaps with a column that is dropped now or later."""
        columns = list(columns)
        junk = Column('junk', *self.random.choice([('integer', '', 'DEFAULT 5'), ('text', '', "DEFAULT 'dropped'"), ('boolean', '', 'DEFAULT true'), ('text', '', '')]))
        if self.random.random() < 0.4:
            columns.insert(self.random.randrange(len(columns) + 1), junk)
        end += self.storage() if 'PARTITION' not in end else ''
        steps = [f'CREATE {kind} TABLE {name} ({self.definitions(columns, narrow)}){end}']
        steps += [f'ALTER TABLE {name} ALTER {column.name} SET STORAGE {column.storage}' for column in columns if column.storage]
        if junk in columns:
            drops = steps if attached or self.random.random() < 0.3 else self.late_drops
            drops.append(f'ALTER TABLE {name} DROP junk')
        return steps

    def shuffled(self, columns):
        return self.random.sample(columns, len(columns)) if self.random.random() < 0.7 else columns

    def create(self):
        """Return the statements that create the table, without columns that are added later."""
        first = [column for column in self.columns if column.default is None]
        names = [column.name for column in first]
        if self.kind in PARTITIONED:
            return self.create_partitions(first, names)
        if self.kind == 'inheritance':
            self.parts = [Part(self.name, names), Part(self.name + '_child', names)]
            return [*self.create_table(self.name, first, attached=True), *self.create_table(self.name + '_child', self.shuffled(first)),
                    f'ALTER TABLE {self.name}_child INHERIT {self.name}']
        if self.kind == 'union':
            self.parts = [Part(self.name + '_1', names), Part(self.name + '_2', names)]
            return self.create_table(self.name + '_1', first) + self.create_table(self.name + '_2', self.shuffled(first), narrow=True)
        base = self.name + ('_base' if self.is_view() else '')
        self.parts = [Part(base, names)]
        return self.create_table(base, first, {'temporary': 'TEMPORARY', 'unlogged': 'UNLOGGED'}.get(self.kind, ''))

    def create_partitions(self, first, names):
        """Create partitions, most of them with another order of columns, and attach them."""
        self.parts = [Part(self.name, names)]
        key = 'sample' if self.kind in ('list', 'foreign leaf') else 'cell_id' if not self.long else 'number'
        half = self.filled(self.column(key), str(self.rows // 2 + 1))
        bounds = {'list': [f'FOR VALUES IN ({self.sample.literals[0]})'], 'range': [f'FOR VALUES FROM (MINVALUE) TO ({half})', f'FOR VALUES FROM ({half}) TO (MAXVALUE)']}
        bounds = bounds['list' if key == 'sample' else 'range']
        bounds = bounds[:self.random.choice([1, 2])] + ['DEFAULT']
        if self.kind == 'foreign leaf':
            bounds = bounds[1:] + ['DEFAULT']
        steps = self.create_table(self.name, first, end=f" PARTITION BY {'LIST' if key == 'sample' else 'RANGE'} ({key})", attached=True)
        for number, bound in enumerate(dict.fromkeys(bounds)):
            name = f'{self.name}_{number}'
            if self.kind == 'range and list' and bound == 'DEFAULT':
                steps += self.create_table(name, self.shuffled(first), end=' PARTITION BY LIST (sample)', attached=True)
                steps += self.create_table(name + '_0', self.shuffled(first), attached=True) + self.create_table(name + '_1', self.shuffled(first), attached=True)
                steps += [f'ALTER TABLE {name} ATTACH PARTITION {name}_0 FOR VALUES IN ({self.sample.literals[-1]})',
                          f'ALTER TABLE {name} ATTACH PARTITION {name}_1 DEFAULT']
            else:
                steps += self.create_table(name, self.shuffled(first), attached=True)
            steps.append(f'ALTER TABLE {self.name} ATTACH PARTITION {name} {bound}')
        if self.kind == 'foreign leaf':
            plain = ', '.join(f'{column.name} {column.type} {column.options}' for column in first)
            steps += [f"CREATE FOREIGN TABLE {self.name}_far ({plain}) SERVER nothing OPTIONS (filename '/dev/null')",
                      f'ALTER TABLE {self.name} ATTACH PARTITION {self.name}_far FOR VALUES IN ({self.sample.absent})']
        return steps

    def is_view(self):
        return self.kind in ('materialized view', 'view', 'not populated')

    def finish(self):
        """Return the statements that create what stands above the table with the rows."""
        columns = self.shuffled([column for column in self.columns])
        if self.kind == 'union':
            arms = [', '.join(column.name if part is self.parts[0] else f'{column.name}::{column.type} AS {column.name}' for column in columns) for part in self.parts]
            return [f'CREATE VIEW {self.name} AS SELECT {arms[0]} FROM {self.parts[0].name} UNION ALL SELECT {arms[1]} FROM {self.parts[1].name}']
        if not self.is_view():
            return []
        kind = 'VIEW' if self.kind == 'view' else 'MATERIALIZED VIEW'
        end = ' WITH NO DATA' if self.kind == 'not populated' else ''
        return [f"CREATE {kind} {self.name} AS SELECT {', '.join(column.name for column in columns)} FROM {self.parts[0].name}{end}"]

    def drop_late(self):
        """Return the statements that drop columns which existed until now."""
        drops, self.late_drops = self.late_drops, []
        return drops

    def add_columns(self):
        """Return the statements that add the columns that are not there from the beginning, and perhaps drop others."""
        steps = self.drop_late() if self.random.random() < 0.7 else []
        for column in self.columns:
            if column.default is None:
                continue
            default = f' DEFAULT {column.default}' if column.default else ''
            for part in self.parts[:1] if self.kind == 'inheritance' else self.parts:
                steps.append(f'ALTER TABLE {part.name} ADD {column.name} {column.type} {column.options}{default}')
            for part in self.parts:
                part.columns = [*part.columns, column.name]
        return steps

    def create_index(self):
        """Return the statement that creates a random index."""
        random, part = self.random, self.random.choice(self.parts)
        first = self.sample.literals[0]
        # A value of over 2700 bytes does not fit into an index other than a hash index.
        kind = 'hash' if self.sample.huge else random.choice(['btree', 'hash', 'brin', 'two columns', 'partial', 'one sample', 'expression', 'number', 'covering', 'descending'])
        target = {'hash': 'USING hash (sample)', 'brin': f"USING brin (sample{random.choice(['', ', number'])}) WITH (pages_per_range = {random.choice([1, 4])})",
                  'two columns': f"(sample, {random.choice(['number', 'cell' if self.long else 'cell_id'])})", 'partial': '(sample) WHERE number > 20',
                  'one sample': f"(number) WHERE sample = {first}", 'expression': '(lower(sample::text), number)', 'number': '(number)',
                  'covering': '(sample) INCLUDE (number)', 'descending': '(sample DESC NULLS LAST, number DESC)'}.get(kind, '(sample)')
        name = f"{self.name}_{kind.replace(' ', '_')}_{len(self.indexes)}"
        self.indexes[name] = kind
        relation = self.name if self.kind == 'materialized view' and random.random() < 0.7 else part.name
        return f'CREATE INDEX {name} ON {relation} {target}'

    # ---- Rows ----

    def filled(self, column, cell, feature='0'):
        """Return the value of a column in a row."""
        return column.value.replace('{i}', cell).replace('{f}', feature).replace('{r}', f'({cell} * 8 + {feature})')

    def insert(self, count, fault=None):
        """Return a statement that inserts cells; with a fault, values of the first row of the only cell."""
        part = self.parts[0] if fault else self.random.choice(self.parts)
        first, self.next_number = self.next_number, self.next_number + count
        chosen = [self.column(name) for name in part.columns if not self.column(name).source]
        values = []
        for column in chosen:
            value = self.filled(column, 'i', 'f')
            values.append(f'CASE WHEN f = 0 THEN {fault[column.name]} ELSE {value} END' if fault and column.name in fault else value)
        names = ', '.join(column.name for column in chosen)
        last_feature = max(0, len(self.features) - 1) if not fault or not fault.get('alone') else 0
        return (f"INSERT INTO {part.name} ({names}) SELECT {', '.join(values)} FROM generate_series({first}, {first + count - 1}) i, "
                f"generate_series(0, {last_feature}) f" + f' ORDER BY {self.row_order}' * self.long)

    def some(self):
        share = self.random.choice([1, 2, 3, 10, 50])
        return f'number % {share} = {self.random.randrange(share)}'

    def target(self, part):
        """Return what to update. A foreign table has no rows, but cannot be updated."""
        return part.name + '_0' * (self.kind == 'foreign leaf')

    def update(self, columns=None):
        part = self.random.choice(self.parts)
        names = [name for name in part.columns if not self.column(name).fixed and not self.column(name).source]
        if self.long or self.kind == 'foreign leaf' or self.sample.huge and self.indexes:
            names = [name for name in names if name != 'sample']
        names = [name for name in names if name.startswith(columns)] if columns else names
        if not names:
            return self.delete()
        shift = self.random.choice([0, 100000])
        feature = 'coalesce(length(feature), 0)' if self.long else '0'
        changes = [f"{name} = {self.filled(self.column(name), f'(number::bigint + {shift})', feature)}" for name in self.random.sample(names, min(2, len(names)))]
        return f"UPDATE {self.target(part)} SET {', '.join(changes)} WHERE {self.some()}"

    def delete(self, condition=None):
        part = self.random.choice(self.parts)
        return f'DELETE FROM {self.target(part)} WHERE {condition or self.some()}'

    def change(self):
        return self.random.choice([self.update, self.update, self.delete, lambda: self.insert(self.random.choice([1, 20]))])()

    # ---- Faults: rows that the aggregates refuse ----

    def faults(self):
        """Return the faults that a row of this table can have, as values of its columns."""
        key = ('sample',) if self.kind in ('list', 'foreign leaf') else ('sample', 'number', 'cell_id')
        used = ['cell', 'feature', 'status', 'code', 'positive'] if self.long else [
            column.name for column in self.columns if column.name in ('cell_id', 'x', 'y', 'phenotypes') or column.name[0] == 'f' and column.name[1:].isdigit()]
        faults = [{name: 'NULL'} for name in used if 'NOT NULL' not in self.column(name).options and name not in key]
        of_cell_1 = {name: self.filled(self.column(name), '1') for name in ('sample', 'cell_id', 'cell', 'feature') if name in [column.name for column in self.columns]}
        if self.long:
            faults += [{'cell': quoted(text)} for text in ('x1', '-3', '4294967296', '007', '')] + [{'feature': quoted('unknown')}, {**of_cell_1, 'alone': True}]
            faults += [{'alone': True}] if len(self.features) > 1 else []
            if self.column('intensity').type == 'numeric':
                faults += [{'intensity': '1e400'}, {'intensity': '1e-400'}]
        else:
            faults += [{'cell_id': '-1'}, of_cell_1]
            faults += [{'cell_id': '4294967296'}] if self.column('cell_id').type == 'bigint' else []
            for name in 'xy':
                faults += [{name: value} for value in {'bigint': ['2147483648', '-2147483649']}.get(self.column(name).type, [])]
                if self.column(name).type in ('real', 'double precision', 'numeric'):
                    faults += [{name: value} for value in ("'NaN'", "'Infinity'", "'-Infinity'", '2147483648', '1e30')]
            integers = [column.name for column in self.columns if column.name[0] == 'f' and column.name[1:].isdigit() and column.type != 'boolean']
            faults += [{name: value} for name in integers for value in ('2', '-1')]
            faults += [{'intensities': value} for column in self.columns if column.name == 'intensities' for value in self.faulty_intensities(column)]
        return [fault for fault in faults if not any(name != 'alone' and self.column(name).source for name in fault)]

    def faulty_intensities(self, column):
        right = self.filled(column, '7')
        arrays = [f"array_append(({right})[1:cardinality({right}) - 1], 'NaN')", f'array_append(({right})[1:cardinality({right}) - 1], NULL)', f'array_append({right}, 1)',
                  f'ARRAY[{right}]', "'{}'"]
        return [f'({array})::{column.type}' for array in arrays] + ['NULL'] * ('NOT NULL' not in column.options)

    def faulty_insert(self):
        """Return a statement that inserts a row with a fault, or without if there is none."""
        kinds = {}
        for fault in self.faults():
            if set(fault).issubset({'alone', *self.parts[0].columns}):
                kinds.setdefault(min(fault).rstrip('0123456789'), []).append(fault)
        return self.insert(1, self.random.choice(self.random.choice(list(kinds.values())))) if kinds else self.insert(1)
