"""Random queries for scan_sameness.py, on a table of scan_tables.py.

A query knows whether the planner must choose the scan for it (must_plan), and whether the scan must
then compute it without the executor (must_run).
"""
import dataclasses

from scan_columns import INTEGERS, quoted

LAYOUTS = ['compact', 'spt', 'dense', 'arrow']


@dataclasses.dataclass
class Call:
    """A call of an aggregate."""
    text: str
    name: str                  # of the aggregate, or of its layout
    must_plan: bool
    must_run: bool


@dataclasses.dataclass
class Query:
    text: str
    shape: str
    call: str
    must_plan: bool
    must_run: bool
    prepare: str | None = None     # a statement to run before
    explained: bool = True         # EXPLAIN shows the scan


class Queries:
    def __init__(self, table, random):
        self.table, self.random, self.prepared = table, random, 0
        self.study = None

    # ---- Aggregates ----

    def call(self, layout=None):
        return self.collect() if self.table.long else self.pack(layout)

    def coordinates(self):
        """Return x and y as arguments, and whether the scan reads them."""
        types = [self.table.column(name).type for name in 'xy']
        casts = ['', '', '::double precision'] + ['::integer'] * set(types).issubset({'smallint', 'integer'})
        cast = self.random.choice(casts)
        return f'x{cast}, y{cast}', 'numeric' not in types

    def phenotypes(self):
        """Return the phenotypes as an argument, and whether the scan reads them."""
        columns = [column for column in self.table.columns if column.name[0] == 'f' and column.name[1:].isdigit()]
        if not columns:
            return self.random.choice(['phenotypes', 'phenotypes::bigint']), True
        features = [column.name if column.type == 'boolean' else f'cell_positive({column.name})' for column in columns]
        if self.random.random() < 0.2:
            features = [self.random.choice([feature, f'coalesce({feature}, false)', f'{feature} IS TRUE']) for feature in features]
        if self.random.random() < 0.2:
            self.random.shuffle(features)
        if self.random.random() < 0.2:
            features = self.random.choices(features, k=self.random.choice([1, 8, 64]))
        readable = True
        if self.random.random() < 0.15:
            # The scan reads constants at the end that are false. An integer, and a 65th feature, are errors.
            more, readable = self.random.choice([(['false'], True), (['false'] * 3, True), (['false'] * (64 - len(features)), True), (['true', 'false'], False),
                                                 (['0'], False), (['false'] * (65 - len(features)), False)])
            features, readable = features + more, readable and len(features + more) <= 64
        features = ', '.join(features)
        if self.random.random() < 0.5:
            return f'cell_phenotypes(VARIADIC ARRAY[{features}]::boolean[])', readable
        return f'cell_phenotypes({features})', readable

    def pack_intensities(self):
        """The form with the number of channels, which is sometimes another one than the cells have."""
        features = [column for column in self.table.columns if column.name[0] == 'f' and column.name[1:].isdigit()]
        right = len(features) or 2
        channels = self.random.choice([right] * 8 + [right + 1, 0, 'NULL'])
        cell_id = self.random.choice(['cell_id', 'cell_id::bigint'])
        return Call(f'cell_pack_intensities({cell_id}, intensities, {channels})', 'packed intensities', True, channels == right)

    def pack(self, layout):
        if layout is None and 'intensities' in self.table.parts[0].columns and self.random.random() < 0.3:
            return self.pack_intensities()
        (coordinates, readable), (phenotypes, features_readable) = self.coordinates(), self.phenotypes()
        arguments, readable = f'{coordinates}, {phenotypes}', readable and features_readable
        form = 'layout' if layout else self.random.choice(['cells', 'ids', 'layout', 'layout'])
        if form == 'cells':
            return Call(f'cells_of(cell_pack({arguments}))', 'without ids', readable, True)
        arguments = self.random.choice(['cell_id', 'cell_id::bigint']) + ', ' + arguments
        if form == 'ids':
            return Call(f'cell_pack({arguments})', 'with ids', readable, True)
        if layout:
            return Call(f'cell_pack({arguments}, {layout})', 'layout of a parameter', readable, True)
        name = self.random.choice(LAYOUTS * 4 + ['unknown', 'NULL'])
        return Call(f"cell_pack({arguments}, {'NULL::text' if name == 'NULL' else quoted(name)})", name, readable, name in LAYOUTS)

    def collect(self):
        features = self.random.sample(self.table.features, len(self.table.features)) + ['one more'] * (self.random.random() < 0.05)
        names = f"ARRAY[{', '.join(map(quoted, features))}]::text[]"
        if self.random.random() < 0.03:
            return Call(f'cell_collect_phenotypes(cell, feature, positive, {self.random.choice(["NULL", names[:6] + quoted("no feature") + "]"])})', 'wrong features', False, False)
        if self.random.random() < 0.5:
            intensity, readable, sure = self.intensity()
            return Call(f'cell_collect_intensities(cell, feature, {intensity}, {names})', 'intensities', readable, sure and not self.table.small_toast)
        positive = self.random.choice([
            'positive', "status = 'positive'", "'positive' = status", 'code = 1', 'code > 0::smallint', '2::bigint > code', "status = NULL::text", 'code = 40000'])
        positive = self.random.choice(['{}', '({}) IS TRUE', 'coalesce({}, false)']).format(positive)
        nulls = 'NULL' in positive     # The planner makes it a constant.
        return Call(f'cell_collect_phenotypes(cell, feature, {positive}, {names})', 'positive', not nulls, not nulls and not self.table.small_toast)

    def intensity(self):
        """Return an intensity, whether the scan reads it, and whether it cannot overflow."""
        type = self.table.column('intensity').type
        intensity, factor = 'intensity::double precision', self.random.choice([None, '0.1', '-3', '1e300'])
        if factor is None:
            return intensity, True, True
        if self.random.random() < 0.2:
            return f'(intensity * {factor}::numeric)::double precision', False, False
        product = f'{intensity} * {factor}::double precision' if self.random.random() < 0.5 else f'{factor}::double precision * {intensity}'
        return product, True, type in INTEGERS + ['real'] and factor != '1e300'

    # ---- Conditions ----

    def literal(self):
        return self.random.choice(self.table.sample.literals * 3 + [self.table.sample.absent])

    def of_sample(self, t='t.'):
        """Return a condition on the sample, and whether the scan can test it."""
        sample, literal = self.table.sample, self.literal()
        typed = f'{literal}::{sample.parameter}'
        forms = [f'{t}sample = {literal}', f'{t}sample = {typed}', f'{typed} = {t}sample']
        if sample.parameter in INTEGERS:
            forms += [f'{t}sample >= {literal}', f'{t}sample < {typed}', f'{t}sample = {literal}::bigint']
        if self.random.random() < 0.04:
            return self.random.choice([f'{t}sample IN ({literal}, {self.literal()})', f'{t}sample <> {literal}', f'{t}sample = {literal} OR {t}number = 1']), False
        return self.random.choice(forms), sample.scannable

    def of_range(self, t='t.'):
        """Return a condition on an integer column, and whether the scan can test it."""
        columns = ['number'] if self.table.long else ['number', 'cell_id'] + [name for name in 'xy' if self.table.column(name).type in INTEGERS]
        column, limit = t + self.random.choice(columns), self.table.rows
        values = [self.random.randrange(limit + 2) for _ in range(2)] + self.random.sample([-1, 32768, 2147483648, 9223372036854775807, -9223372036854775807], 1)
        low, high = sorted(self.random.choices(values, [4, 4, 1], k=2))
        if self.random.random() < 0.04:
            return self.random.choice([f'{column} % 2 = 0', f'{column} + 0 > {low}', f'{column}::double precision < {high}']), False
        return self.random.choice([f'{column} BETWEEN {low} AND {high}', f'{column} > {low}', f'{column} <= {high}', f'{column}::bigint >= {low}', f'{high} > {column}',
                                   f'{column} = {low}', f'{low}::bigint <= {column} AND {column} < {high}::bigint']), True

    def where(self, *needed):
        """Return a WHERE clause of the needed conditions and others, and whether the scan can test it."""
        random, conditions = self.random, list(needed)
        if random.random() < 0.35:
            conditions.append(self.of_range())
        if random.random() < 0.1:
            conditions.append((f't.{random.choice(self.table.columns).name} IS NOT NULL', True))
        random.shuffle(conditions)
        texts = [text for text, _ in conditions]
        return f" WHERE {' AND '.join(texts)}" if texts else '', all(readable for _, readable in conditions)

    # ---- Shapes of queries ----

    def query(self, text, shape, call, readable=True, sure=True, **more):
        """Return a query. readable and sure are what, apart from the aggregate, must_plan and must_run need."""
        table = self.table
        must_plan = call.must_plan and readable and table.kind not in ('foreign leaf', 'not populated')
        must_run = must_plan and call.must_run and sure and not table.faulty and not (table.stored_apart() and ('sample' in text or table.long))
        return Query(text, shape, call.name, must_plan, must_run, **more)

    def whole(self):
        call, (where, readable) = self.call(), self.where()
        return self.query(f'SELECT {call.text} FROM {self.table.name} t{where}', 'whole', call, readable)

    def one_sample(self):
        call, (where, readable) = self.call(), self.where(self.of_sample())
        return self.query(f'SELECT {call.text} FROM {self.table.name} t{where}', 'one sample', call, readable)

    def grouped_text(self, where, call):
        """Return a grouped query, whether the scan can group, and whether it meets no null sample."""
        table = self.table
        not_null = self.random.random() < 0.7
        if not_null:
            where = (where + ' AND ' if where else ' WHERE ') + 't.sample IS NOT NULL'
        # The values of a narrow column of a view are cast, so that their bytes differ.
        readable = table.sample.scannable and not table.long and not (table.kind == 'union' and table.sample.type in INTEGERS + ['sample_number'])
        return f'SELECT t.sample, {call.text} AS payload FROM {table.name} t{where} GROUP BY t.sample', readable, not_null or not table.may_have_null_sample

    def grouped(self):
        call, (where, readable) = self.call(), self.where()
        text, groupable, no_nulls = self.grouped_text(where, call)
        if self.random.random() < 0.3:
            text += ' ORDER BY t.sample'
        if self.random.random() < 0.1:
            text = text.replace('SELECT t.sample, ', 'SELECT ')
        return self.query(text, 'grouped', call, readable and groupable, no_nulls)

    def inside(self):
        """A grouped query inside another one, which may add a condition on the sample."""
        call, (where, readable) = self.call(), self.where()
        text, groupable, no_nulls = self.grouped_text(where, call)
        # With LIMIT, it depends on the plan whether a row that raises an error is read.
        outer = self.random.choice(['', f' WHERE q.sample = {self.literal()}', ' OFFSET 0', ' ORDER BY sample' + ' LIMIT 2' * (not self.table.faulty), ' WHERE q.sample IS NOT NULL'])
        count = self.random.choice(['sample, payload', 'count(payload)', 'sample, length(payload)'])
        return self.query(f'SELECT {count} FROM ({text}) q{outer}' if 'count' not in count or 'ORDER' not in outer else f'SELECT {count} FROM ({text}) q',
                          'inside another query', call, readable and groupable, no_nulls)

    def values(self, count):
        """Return rows of samples, as a table v(sample)."""
        literals = [f'({literal}::{self.table.sample.parameter})' for literal in self.random.sample(self.table.sample.literals, min(count, len(self.table.sample.literals)))]
        literals += [f'({self.table.sample.absent}::{self.table.sample.parameter})', f'(NULL::{self.table.sample.parameter})']
        return f"(VALUES {', '.join(self.random.sample(literals, min(count, len(literals))))}) v(sample)"

    def lateral(self):
        """A query that runs again for each sample of a list."""
        call, sample = self.call(), self.table.sample
        where, readable = self.where(('t.sample = v.sample', sample.scannable))
        inner = f'SELECT {call.text} AS payload FROM {self.table.name} t{where}'
        return self.query(f'SELECT v.sample, q.payload FROM {self.values(4)}, LATERAL ({inner}) q', 'lateral', call, readable)

    def correlated(self):
        call, sample = self.call(), self.table.sample
        where, readable = self.where(('t.sample = v.sample', sample.scannable))
        return self.query(f'SELECT v.sample, (SELECT {call.text} FROM {self.table.name} t{where}) FROM {self.values(3)}', 'correlated', call, readable)

    def correlated_range(self):
        """A query that runs again for each limit of a list, grouped by sample."""
        call = self.call()
        text, groupable, no_nulls = self.grouped_text(f' WHERE t.number {self.random.choice(["<", "<=", "=", ">", ">="])} l', call)
        limits = ', '.join(f'({self.random.randrange(self.table.rows + 2)})' for _ in range(3))
        text = f'SELECT l, q.* FROM (VALUES {limits}, (NULL)) v(l), LATERAL ({text}) q'
        return self.query(text, 'lateral with groups', call, groupable, no_nulls)

    def repeated(self):
        """A query that a nested loop runs again with the same parameters."""
        call = self.call()
        text, groupable, no_nulls = self.grouped_text('', call)
        return self.query(f'SELECT v.n, q.* FROM (VALUES (1), (2), (3)) v(n) LEFT JOIN ({text} OFFSET 0) q ON length(q.sample::text) >= v.n', 'repeated', call, groupable, no_nulls)

    def of_subquery(self):
        call, sample = self.call(), self.table.sample
        where, readable = self.where((f't.sample = (SELECT {self.literal()}::{sample.parameter})', sample.scannable))
        return self.query(f'SELECT {call.text} FROM {self.table.name} t{where}', 'sample of a subquery', call, readable)

    def beyond(self):
        """A query that the scan cannot compute as a whole, or that has more around the aggregate."""
        call, literal, name, random = self.call(), self.literal(), self.table.name, self.random
        # A clause of the aggregate follows its arguments.
        inside = (lambda clause: call.text[:-1] + clause + ')') if call.text.startswith('cells_of') else (lambda clause: call.text + clause)
        limit = random.randrange(self.table.rows + 2)
        text, sample_text = random.choice([
            (f'SELECT {call.text}, count(*) FROM {name} t', False),
            (f'SELECT t.sample, {call.text} FROM {name} t GROUP BY t.sample HAVING count(*) > 1', True),
            (f'SELECT {inside(f" FILTER (WHERE t.number > {limit})")} FROM {name} t', False),
            (f'SELECT t.sample, t.number % 2, {call.text} FROM {name} t GROUP BY t.sample, t.number % 2', True),
            (f'SELECT t.sample, {call.text} FROM {name} t GROUP BY GROUPING SETS ((t.sample), ())', True),
            (f'SELECT {call.text} FROM {name} t WHERE (SELECT count(*) FROM {name}) > 2', False),
            (f"SELECT {call.text} FROM {name} t WHERE t.number > {limit} AND current_setting('jit') = 'on'", False),
            (f'SELECT {call.text} FROM {name} t, (VALUES (1), (NULL)) v(n) WHERE v.n IS NOT NULL', False),
            (f'SELECT upper(t.sample::text), {call.text}, row_number() OVER () > 0 FROM {name} t GROUP BY t.sample', True),
            (f'SELECT DISTINCT {call.text} FROM {name} t', False),
            (f'SELECT generate_series(1, 2), {call.text} FROM {name} t WHERE t.sample = {literal}', True),
            (f'SELECT (SELECT {call.text} FROM {name} t), (SELECT {call.text} FROM {name} t WHERE t.number < {limit})', False),
            (f'WITH q AS MATERIALIZED (SELECT * FROM {name}) SELECT {call.text} FROM q t', False),
            (f'SELECT {call.text} FROM (SELECT * FROM {name} OFFSET 0) t', False),
            (f'SELECT {call.text} FROM (SELECT * FROM {name} WHERE number > {limit}) t WHERE t.number < {2 * limit}', False),
        ])
        if self.table.kind == 'inheritance' and random.random() < 0.5:
            text = text.replace(f'FROM {name}', f'FROM ONLY {name}')
        return self.query(text, 'beyond the scan', call, False)

    def cast_groups(self):
        """A query that groups by a sample which is cast to another type, in a table or in a UNION ALL."""
        if self.table.long:
            return self.grouped()
        sample, name = self.table.sample, self.table.name
        type = self.random.choice(['bigint', 'integer', 'numeric'] if sample.parameter in INTEGERS else ['text'] if sample.type == 'uuid' else ['char(8)', 'bpchar', 'varchar', 'name', 'text'])
        coordinates, _ = self.coordinates()
        phenotypes, _ = self.phenotypes()
        pack, call = f'cells_of(cell_pack(%s, {phenotypes}))', Call('', 'without ids', False, False)
        x, y = coordinates.split(', ')
        text = self.random.choice([
            f'SELECT {pack % coordinates} FROM {name} t GROUP BY t.sample::{type}',
            f'SELECT t.sample::{type}, {pack % coordinates} FROM {name} t GROUP BY t.sample::{type}',
            f'SELECT length(u.sample::text), cells_of(cell_pack(u.x, u.y, u.p)) FROM (SELECT sample::{type} AS sample, {x} AS x, {y} AS y, {phenotypes} AS p FROM {name} '
            f'UNION ALL SELECT sample::{type}, {x}, {y}, 7 FROM {name}) u GROUP BY u.sample'])
        return self.query(text, 'grouped by a cast', call)

    def of_prepared(self):
        """A prepared statement with the sample, a limit and, perhaps, the layout as parameters."""
        self.prepared += 1
        sample, name = self.table.sample, f'{self.table.name}_{self.prepared}'
        layout = self.random.choice(LAYOUTS + ['unknown']) if not self.table.long else None
        call = self.call('$3' if layout else None)
        types = f'{sample.parameter}, bigint' + (', text' if layout else '')
        where, _ = self.where(('t.sample = $1', sample.scannable))
        where = where + f' AND t.number {self.random.choice(["<=", ">"])} $2'
        text = f'SELECT {call.text} FROM {self.table.name} t{where}'
        prepare = f'PREPARE {name} ({types}) AS {text}'
        argument = self.random.choice([f'{self.literal()}', f'{self.literal()}', 'NULL'])
        execute = f"EXECUTE {name} ({argument}, {self.random.choice([self.random.randrange(self.table.rows + 2), 'NULL'])}{', ' + quoted(layout) if layout else ''})"
        # The plan may be one that was made without the scan.
        return self.query(execute, 'prepared', call, False, prepare=prepare)

    def as_served(self):
        """What cell_data and cell_data_samples run."""
        if self.table.long:
            return self.whole()
        layout = self.random.choice(LAYOUTS)
        types = [self.table.column(name).type for name in 'xy']
        cast = 'integer' if set(types).issubset({'smallint', 'integer'}) else 'double precision'
        phenotypes, readable = self.phenotypes()
        call = Call(f'cell_pack(t.cell_id::bigint, t.x::{cast}, t.y::{cast}, {phenotypes}, {quoted(layout)})', layout, readable and 'numeric' not in types, True)
        if self.random.random() < 0.5:
            text = f'SELECT {call.text} FROM {self.table.name} AS t WHERE t.sample OPERATOR(pg_catalog.=) {self.literal()}'
            return self.query(text, 'as cell_data', call, self.table.sample.scannable)
        text, groupable, no_nulls = self.grouped_text('', call)
        text = text.replace('SELECT t.sample,', 'SELECT t.sample::text,')
        return self.query(text, 'as cell_data_samples', call, groupable, no_nulls)

    def served(self):
        """A function that serves a study. EXPLAIN does not show the queries in it."""
        if self.study is None:
            return self.as_served()
        call = Call('', 'served', False, False)
        literal = self.literal()
        literal = literal if literal[0] == "'" else quoted(literal)
        layout, coding = self.random.choice(LAYOUTS + ['intensity', 'intensity', 'unknown']), self.random.choice(['identity', 'identity', 'zstd'])
        text = self.random.choice([
            f"SELECT cell_data('{self.study}', {literal}, '{layout}', '{coding}')",
            f"SELECT * FROM cell_data_samples('{self.study}', '{layout}', '{coding}')",
            f"SELECT * FROM cell_data_head('{self.study}', {literal}, '{layout}')"])
        return self.query(text, text.split('(')[0].split()[-1], call, explained=False)

    def subsample(self):
        """A function that returns intensities of a study, or what belongs to them."""
        if self.study is None or 'intensities' not in self.table.parts[0].columns:
            return self.as_served()
        cells = self.random.choice([0, 1, 20, 100, 1000, 9223372036854775807])
        seed = self.random.choice([0, 7, -1])
        text = self.random.choice([
            f"SELECT cell_subsample('{self.study}', {cells}, {seed})", f"SELECT cell_subsample_metadata('{self.study}', {cells})",
            f"SELECT array_agg(r) FROM cell_subsample_rows('{self.study}', {cells}, {seed}) r",
            f"SELECT cell_data('{self.study}', NULL, '{self.random.choice(['subsample', 'subsample_body'])}')"])
        return self.query(text, text.split('(')[0].split()[-1], Call('', 'subsample', False, False), explained=False)

    def draw(self, count):
        """Return random queries, as if from a shuffled deck of their shapes."""
        shapes = [self.whole, self.one_sample, self.one_sample, self.grouped, self.grouped, self.inside, self.lateral, self.correlated, self.correlated_range,
                  self.repeated, self.of_subquery, self.of_prepared, self.of_prepared, self.as_served, self.served, self.subsample, self.beyond, self.beyond, self.cast_groups]
        return [shape() for shape in self.random.sample(shapes, count)]
