"""The kinds of statements that statements_fuzz.py runs, and the random values in them."""
import dataclasses
import re
from typing import Callable


@dataclasses.dataclass
class Shape:
    """A source, as the table shape and the catalogs describe it."""
    study: str
    sample_type: str
    key: str
    places: bool
    feature: str
    feature_type: str
    slides: str | None
    samples: list[str]
    partitioned: bool
    parts: list[tuple[str, str, str]]      # name, parent, bound


def read_shapes(connection):
    shapes = connection.execute("""
        SELECT study, sample_type::text, key, places, feature, feature_type::text, slides, samples, is_partitioned(study)
        FROM shape ORDER BY study""").fetchall()
    return [Shape(*row, connection.execute('SELECT * FROM parts_of(%s)', row[:1]).fetchall()) for row in shapes]


class Draw:
    """Random values for the names in braces in a statement.

    Each method is such a name. Samples (s1, s2, s3) and the part are drawn once for a statement,
    all other values at each place.
    """

    def __init__(self, shape, random):
        self.shape, self.random = shape, random
        self.directly = bool(shape.parts) and random.random() < 0.3
        self.chosen_part = random.choice(shape.parts or [(shape.study, '', '')])
        self.chosen = random.sample(shape.samples, 3)

    def fill(self, template):
        return re.sub(r'\{(\w+)\}', lambda match: getattr(self, match[1])(), template)

    def literal(self, sample):
        return f"'{sample}'::{self.shape.sample_type}"

    def key_text(self):
        sample = self.random.choice(self.shape.samples)
        return sample + '/' + self.random.choice(self.shape.samples) if self.shape.key == 'label' else sample

    def number(self): return str(self.random.randrange(1000))
    def feature(self): return self.random.choice(['false', 'true'] if self.shape.feature_type == 'boolean' else ['0', '1', '2', '3'])
    def root(self): return self.shape.study
    def part(self): return self.chosen_part[0]
    def parent(self): return self.chosen_part[1]
    def bound(self): return self.chosen_part[2]
    def table(self): return self.part() if self.directly else self.root()
    def own(self): return self.root() if self.shape.partitioned else f'ONLY {self.table()}'
    def slides(self): return self.shape.slides
    def key(self): return self.shape.key
    def columns(self): return f'{self.shape.key}, x, y, {self.shape.feature}'
    def s1(self): return self.literal(self.chosen[0])
    def s2(self): return self.literal(self.chosen[1])
    def s3(self): return self.literal(self.chosen[2])
    def value(self): return self.literal(self.key_text()) if self.random.random() < 0.97 else f'NULL::{self.shape.sample_type}'
    def row(self): return f'({self.value()}, {self.number()}, {self.number()}, {self.feature()})'
    def rows(self): return ', '.join(self.row() for _ in range(self.random.choice([1, 1, 2, 5])))
    def all_slides(self): return ', '.join(f'({self.literal(sample)})' for sample in self.shape.samples)
    def positions(self): return f'x = {self.number()}, y = y + 1'
    def move(self): return f'{self.shape.key} = {self.value()}'
    def change(self): return self.random.choice([self.positions, self.move, lambda: f'{self.move()}, {self.positions()}'])()
    def half(self): return self.random.choice('12')
    def third(self): return f'cell_id % 3 = {self.random.randrange(3)}'
    def scattered(self): return f'x % 7 = {self.random.randrange(7)}'
    def some(self):
        one = f'sample = {self.s1()}'
        return self.random.choice([one, f'{one} AND {self.third()}', f'{one} AND {self.third()}',
                                   f'sample IN ({self.s1()}, {self.s2()}) AND {self.third()}', self.scattered()])

    def lines(self):
        return ''.join(f'{self.key_text()}\t{self.number()}\t{self.number()}\t{self.feature()}\n' for _ in range(self.random.choice([1, 4])))


@dataclasses.dataclass
class Kind:
    name: str
    steps: list[str]
    when: Callable[[Shape], bool] = lambda shape: True
    weight: int = 3
    since: int = 0                         # the first version of PostgreSQL that has it
    idle: bool = False                     # whether it changes no row


def merges():
    head = '''MERGE INTO {table} t USING (
        SELECT {key}, cell_id FROM {root} WHERE {some} UNION ALL SELECT {value}, 0 UNION ALL SELECT {value}, -1
    ) v (key, cell_id) ON t.{key} = v.key AND t.cell_id = v.cell_id'''
    update, move, delete = 'WHEN MATCHED THEN UPDATE SET {change}', 'WHEN MATCHED THEN UPDATE SET {move}', 'WHEN MATCHED THEN DELETE'
    half = 'WHEN MATCHED AND x % 2 = 0 THEN UPDATE SET {change}'
    insert = 'WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, {number}, {number}, {feature})'
    many = '''WHEN MATCHED AND x % 5 = 0 THEN DO NOTHING WHEN MATCHED AND x % 5 = 1 THEN UPDATE SET {move}
        WHEN MATCHED AND x % 5 = 2 THEN DELETE WHEN MATCHED AND x % 5 = 3 THEN UPDATE SET {change}
        WHEN NOT MATCHED AND v.cell_id = 0 THEN DO NOTHING'''
    for name, clauses in [('UPDATE', [update]), ('UPDATE, moving', [move]), ('DELETE', [delete]), ('INSERT', [insert]),
                          ('UPDATE DELETE', [half, delete]), ('UPDATE INSERT', [update, insert]), ('DELETE INSERT', [delete, insert]),
                          ('UPDATE DELETE INSERT', [half, delete, insert]), ('of many clauses', [many, insert])]:
        yield Kind(f'MERGE {name}', [' '.join([head, *clauses])])
    yield Kind('MERGE NOTHING', [f'{head} WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING'], idle=True)
    yield Kind('MERGE RETURNING', [f'WITH merged AS ({head} {update} {insert} RETURNING t.cell_id) SELECT * FROM merged'], since=170000)
    yield Kind('MERGE BY SOURCE', ['''MERGE INTO {table} t USING (VALUES ({value})) v (key) ON t.{key} = v.key
        WHEN NOT MATCHED BY SOURCE AND sample = {s1} THEN UPDATE SET {change}
        WHEN NOT MATCHED BY SOURCE AND sample = {s2} AND {third} THEN DELETE'''], since=170000)


def writes_past_the_source():
    partitioned = lambda shape: shape.partitioned
    unpartitioned = lambda shape: not shape.partitioned
    slides = lambda shape: shape.slides
    restore = 'INSERT INTO {slides} VALUES {all_slides} ON CONFLICT DO NOTHING'
    yield Kind('TRUNCATE of a part', ['TRUNCATE {part}'], lambda shape: shape.parts, weight=1)
    yield Kind('DETACH, write, ATTACH', ['ALTER TABLE {parent} DETACH PARTITION {part}', 'UPDATE {part} SET {positions}', 'DELETE FROM {part} WHERE {third}',
                                         'ALTER TABLE {parent} ATTACH PARTITION {part} {bound}'], partitioned, weight=1)
    yield Kind('exchange of a partition', [
        'CREATE TABLE exchanged (LIKE {part} INCLUDING ALL)', 'INSERT INTO exchanged ({columns}, cell_id) SELECT {columns}, cell_id FROM {part} WHERE {scattered}',
        'ALTER TABLE {parent} DETACH PARTITION {part}', 'DROP TABLE {part}', 'ALTER TABLE exchanged RENAME TO {part}',
        'ALTER TABLE {parent} ATTACH PARTITION {part} {bound}'], lambda shape: shape.partitioned and shape.study != 'two_levels', weight=1)
    yield Kind('NO INHERIT, write, INHERIT', ['ALTER TABLE {part} NO INHERIT {parent}', 'UPDATE {part} SET {positions}, {move} WHERE {some}',
                                              'ALTER TABLE {part} INHERIT {parent}'], lambda shape: shape.parts and not shape.partitioned, weight=1)
    for parent, write in [('parent_without_columns', 'DELETE FROM parent_without_columns WHERE random() < 0.2'),
                          ('parent_of_positions', 'UPDATE parent_of_positions SET x = {number} WHERE random() < 0.2')]:
        yield Kind(f'write to {parent}', [f'ALTER TABLE {{table}} INHERIT {parent}', write, f'ALTER TABLE {{table}} NO INHERIT {parent}'], unpartitioned, weight=1)
    yield Kind('UPDATE of slides', ['DELETE FROM {slides} WHERE sample = {s2}', 'UPDATE {slides} SET sample = {s2} WHERE sample = {s1}', restore], slides, weight=1)
    yield Kind('DELETE from slides', ['DELETE FROM {slides} WHERE sample = {s1}', restore], slides, weight=1)
    yield Kind('MERGE into slides', ['DELETE FROM {slides} WHERE sample = {s3}', '''MERGE INTO {slides} USING (VALUES ({s1}), ({s2})) v (of) ON sample = v.of
        WHEN MATCHED AND v.of = {s1} THEN DELETE WHEN MATCHED THEN UPDATE SET sample = {s3}''', restore], slides, weight=1)
    yield Kind('TRUNCATE of slides', ['TRUNCATE {slides} CASCADE', restore, "SELECT fill('{root}', 5)"], slides, weight=1)
    yield Kind('deferred trigger', ['INSERT INTO triggered_event VALUES ({s1}), ({s2})'], lambda shape: shape.study == 'triggered', weight=1)
    for view in ['viewed_updatable', 'viewed_instead', 'viewed_ruled']:
        viewed = lambda shape: shape.study == 'viewed'
        yield Kind(f'INSERT into {view}', [f'INSERT INTO {view} ({{columns}}) VALUES {{rows}}'], viewed, weight=1)
        yield Kind(f'UPDATE of {view}', [f'UPDATE {view} SET {{change}} WHERE sample = {{s1}}'], viewed, weight=1)
        yield Kind(f'DELETE from {view}', [f'DELETE FROM {view} WHERE {{some}}'], viewed, weight=1)
        if view != 'viewed_ruled':
            yield Kind(f'MERGE into {view}', [f'''MERGE INTO {view} t USING (VALUES ({{s1}}), ({{s2}})) v (of) ON t.sample = v.of
                WHEN MATCHED AND x % 3 = 0 THEN UPDATE SET {{move}} WHEN MATCHED AND x % 3 = 1 THEN DELETE
                WHEN NOT MATCHED THEN INSERT ({{columns}}) VALUES (v.of, 1, 1, {{feature}})'''], viewed, weight=1, since=170000)


def all_kinds():
    conflict = '''INSERT INTO {table} ({columns}, cell_id) SELECT {columns}, cell_id FROM {own} WHERE {some}
        UNION ALL SELECT {value}, 1, 1, {feature}, nextval('cell_ids') ON CONFLICT'''
    yield Kind('INSERT VALUES', ['INSERT INTO {table} ({columns}) VALUES {rows}'])
    yield Kind('INSERT SELECT', ['INSERT INTO {table} ({columns}) SELECT {columns} FROM {root} WHERE {some} LIMIT 5'])
    yield Kind('INSERT of many samples', ["SELECT fill('{root}', 2)"])
    yield Kind('INSERT ON CONFLICT UPDATE', [conflict + ' ({key}, cell_id) DO UPDATE SET x = {number}, y = excluded.y + 1'])
    yield Kind('INSERT ON CONFLICT UPDATE, moving', [conflict + ' ({key}, cell_id) DO UPDATE SET {move}'], lambda shape: not shape.places)
    yield Kind('INSERT ON CONFLICT NOTHING', [conflict + ' DO NOTHING'])
    yield Kind('UPDATE of positions', ['UPDATE {table} SET {positions} WHERE {some}'], weight=6)
    yield Kind('UPDATE, moving', ['UPDATE {table} SET {change} WHERE {some}', 'UPDATE {table} SET {move} WHERE {some}'], weight=6)
    yield Kind('UPDATE, moving both ways', ['''UPDATE {table} SET {key} = CASE sample WHEN {s1} THEN {value} ELSE {value} END
        WHERE sample IN ({s1}, {s2}) AND {third}'''])
    yield Kind('UPDATE FROM', ['UPDATE {table} t SET {key} = v.new, {positions} FROM (VALUES ({s1}, {value}), ({s2}, {value})) v (of, new) WHERE sample = v.of AND {third}'])
    yield Kind('UPDATE RETURNING old', ['UPDATE {table} SET {move} WHERE {some} RETURNING old.sample, new.sample'], since=180000)
    yield Kind('DELETE of some', ['DELETE FROM {table} WHERE {some}'], weight=6)
    yield Kind('DELETE of a sample', ['DELETE FROM {table} WHERE sample = {s1}'])
    yield Kind('DELETE USING', ['DELETE FROM {table} USING (VALUES ({s1}), ({s2})) v (of) WHERE sample = v.of AND {third}'])
    yield Kind('WITH several', ['''WITH updated AS (UPDATE {table} SET {change} WHERE sample = {s1}),
        deleted AS (DELETE FROM {table} WHERE sample = {s2} AND {third} RETURNING cell_id)
        INSERT INTO {root} ({columns}, cell_id) SELECT {value}, {number}, {number}, {feature}, cell_id FROM deleted'''])
    yield Kind('COPY', ['COPY {table} ({columns}) FROM STDIN\n{lines}'])
    yield Kind('WHERE CURRENT OF', ['DECLARE cells CURSOR FOR SELECT FROM {root} WHERE {scattered} FOR UPDATE', 'MOVE 2 cells',
                                    'UPDATE {root} SET {change} WHERE CURRENT OF cells', 'MOVE cells', 'DELETE FROM {root} WHERE CURRENT OF cells', 'CLOSE cells'],
               lambda shape: shape.study != 'virtual')     # PostgreSQL 18 refuses it there
    yield Kind('after an exception', ['''DO $$ BEGIN UPDATE {table} SET {change} WHERE {some}; RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN UPDATE {table} SET {change} WHERE {some}; END $$'''])
    yield Kind('TRUNCATE', ['TRUNCATE {root}', "SELECT fill('{root}', 5)"], weight=1)
    yield Kind('ALTER TYPE USING', ['ALTER TABLE {root} ALTER y TYPE integer USING y + 1'], lambda shape: shape.study != 'viewed', weight=1)
    yield Kind('RENAME', [f'ALTER TABLE {{root}} RENAME {name}' for name in ['x TO z', 'y TO x', 'z TO y']], lambda shape: shape.study != 'viewed', weight=1)
    yield Kind('without triggers', ['ALTER TABLE {root} DISABLE TRIGGER USER', 'UPDATE {root} SET {change} WHERE {some}',
                                    'ALTER TABLE {root} ENABLE TRIGGER USER', "SELECT cell_track_study('{root}')"], weight=1)
    yield Kind('SET EXPRESSION', ["ALTER TABLE {root} ALTER sample SET EXPRESSION AS (split_part(label, '/', {half}))"],
               lambda shape: shape.key == 'label', weight=1, since=170000)
    yield from merges()
    yield from writes_past_the_source()
