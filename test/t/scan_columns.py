"""Random columns for the tables of scan_sameness.py.

The value of a column is an SQL expression of {i}, the number of the cell, so that one INSERT fills a
table. In a long table, {f} is the number of the feature, and {r} differs between the rows of a cell.
The function draw(i, salt, n) of test/include/scan_sameness.sql makes the values look random.
"""
import dataclasses
import hashlib


@dataclasses.dataclass
class Column:
    name: str
    type: str
    value: str
    options: str = ''          # after the type, such as NOT NULL
    storage: str = ''          # PLAIN, MAIN, EXTERNAL or EXTENDED
    default: str | None = None     # added after the first rows, with this default or, if empty, none
    source: 'Column | None' = None     # generated from this column
    fixed: bool = False        # an UPDATE must not change it


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def salted(random, value):
    """Put a salt in each {salt} of a value."""
    while '{salt}' in value:
        value = value.replace('{salt}', str(random.randrange(1000000)), 1)
    return value


def pick(random, literals, type):
    """Return a value that is one of some literals."""
    return salted(random, f"(ARRAY[{', '.join(literals)}]::{type}[])[1 + draw({{r}}, {{salt}}, {len(literals)})]")


def with_nulls(random, value):
    return salted(random, f'CASE WHEN draw({{r}}, {{salt}}, {random.choice([2, 5, 30])}) > 0 THEN {value} END')


def noise(length):
    """Return text that does not compress."""
    return ''.join(hashlib.sha512(str(block).encode()).hexdigest() for block in range(length // 128 + 1))[:length]


# ---- The sample ----

@dataclasses.dataclass
class Sample:
    """The type of the sample, and the literals of its values."""
    kind: str
    type: str
    parameter: str             # a type of parameters that are compared with it
    options: str
    scannable: bool
    literals: list[str]
    absent: str                # the literal of a value that no row has
    long: bool = False         # some values can be compressed or out of line
    huge: bool = False         # some values do not fit into a B-tree

SAMPLE_KINDS = {    # type, type of a parameter, options, scannable
    'text': ('text', 'text', '', True),
    'varchar': ('varchar', 'varchar', '', True),
    'varchar(20)': ('varchar(20)', 'text', '', True),
    'another collation': ('text', 'text', 'COLLATE "C"', True),
    'domain over text': ('sample_text', 'text', '', True),
    'uuid': ('uuid', 'uuid', '', True),
    'smallint': ('smallint', 'smallint', '', True),
    'integer': ('integer', 'bigint', '', True),
    'bigint': ('bigint', 'integer', '', True),
    'domain over integer': ('sample_number', 'integer', '', True),
    'char': ('char(8)', 'char(8)', '', False),
    'name': ('name', 'name', '', False),
    'nondeterministic collation': ('text', 'text', 'COLLATE any_case', False),
}
SAMPLE_TEXTS = ['S1', 'S2', 's1', 'S1 ', '', 'S', 'lésion', 'slide_0123456789_a', 'slide_0123456789_b', 'slide_1123456789_a']
LONG_TEXTS = ['x' * 126, 'x' * 127, 'y' * 400]
HUGE_TEXTS = ['z' * 3000, noise(2500)]
NUMBERS = ['0', '1', '2', '(-1)', '7', '255', '256', '32767', '(-32768)']


def draw_sample(random):
    kind = random.choice(list(SAMPLE_KINDS) + ['text', 'varchar'])
    type, parameter, options, scannable = SAMPLE_KINDS[kind]
    pool, absent = SAMPLE_TEXTS, quoted('absent')
    if kind == 'uuid':
        pool, absent = [f'0123456789abcdef0123456789abcde{digit}' for digit in '0123'] + ['f' * 32], quoted('a' * 32)
    elif kind in ('smallint', 'integer', 'bigint', 'domain over integer'):
        pool, absent = NUMBERS + (['2147483647', '(-2147483648)'] if kind != 'smallint' else []), '99'
    elif kind == 'char':
        pool = [text[:8] for text in SAMPLE_TEXTS[:3] + SAMPLE_TEXTS[5:8]]
    elif kind not in ('varchar(20)', 'name'):
        pool = SAMPLE_TEXTS + (LONG_TEXTS if random.random() < 0.3 else []) + (HUGE_TEXTS if random.random() < 0.15 else [])
    values = random.sample(pool, random.choice([1, 2, 3, 5]))
    numeric = pool[0] == '0'
    return Sample(kind, type, parameter, options, scannable, values if numeric else list(map(quoted, values)), absent,
                  any(len(value) > 100 for value in values), any(len(value) > 2000 for value in values))


def sample_column(random, sample, rows):
    """Return the column of the sample, whose rows come one sample after the other or mixed."""
    count = len(sample.literals)
    array = f"(ARRAY[{', '.join(sample.literals)}]::{sample.type}[])"
    if random.random() < 0.5:
        return Column('sample', sample.type, f'{array}[1 + ({{i}} * {count} / {rows + 1}) % {count}]', sample.options)
    return Column('sample', sample.type, salted(random, f'{array}[1 + draw({{i}}, {{salt}}, {count})]'), sample.options)


# ---- Wide tables: a row for each cell ----

CELL_IDS = {    # one to one, and small enough for smallint
    'in order': '{i}', 'with gaps': '3 * {i}', 'shuffled': '{i} * 7919 % 32749', 'descending': '32000 - {i}', 'swapped': '({i} # 1)',
}
COORDINATES = {
    'smallint': ['draw({i}, {salt}, 60001) - 30000', 'draw({i}, {salt}, 200)'],
    'integer': ['draw({i}, {salt}, 5000)', '(draw({i}, {salt}, 60001) - 30000)::bigint * 71582'],
    'bigint': ['draw({i}, {salt}, 5000)', '(draw({i}, {salt}, 60001) - 30000)::bigint * 71582'],
    'real': ['(draw({i}, {salt}, 400001) - 200000) / 16.0', 'draw({i}, {salt}, 1000000) / 0.7', "(ARRAY['-0.0', 0.9, -0.9, -2147483648]::real[])[1 + draw({i}, {salt}, 4)]"],
    'double precision': ['(draw({i}, {salt}, 400001) - 200000) / 16.0', 'draw({i}, {salt}, 1000000) / 0.0007',
                         "(ARRAY['-0.0', 0.9, 2147483647.5, 1e-310]::double precision[])[1 + draw({i}, {salt}, 4)]",
                         "(ARRAY['-0.0', -0.9, -2147483648.5, 1e-310]::double precision[])[1 + draw({i}, {salt}, 4)]"],
    'numeric': ['(draw({i}, {salt}, 400001) - 200000) / 16.0'],
}
INTEGERS = ['smallint', 'integer', 'bigint']


def cell_id_column(random):
    type = random.choice(INTEGERS)
    value = CELL_IDS[random.choice(list(CELL_IDS))]
    return Column('cell_id', type, '4294967295 - {i}' if type == 'bigint' and random.random() < 0.3 else value, fixed=True)


def coordinate_columns(random):
    types = random.choices(list(COORDINATES), [2, 5, 2, 2, 4, 1], k=2)
    types[1] = random.choice([types[0], types[0], types[1]])
    return [Column(name, type, salted(random, random.choice(COORDINATES[type]))) for name, type in zip('xy', types)]


def feature_columns(random):
    """Return the columns of the features, or one column of phenotypes."""
    if random.random() < 0.35:
        type = random.choice(['bigint', 'bigint', 'bigint', 'integer', 'smallint'])
        value = 'hashint8extended({i}, {salt})' if type == 'bigint' else 'draw({i}, {salt}, 65536) - 32768'
        return [Column('phenotypes', type, salted(random, value))]
    types = random.choice([['boolean'], ['boolean'], ['boolean'], [random.choice(INTEGERS)], ['boolean'] * 12 + INTEGERS, ['boolean', *INTEGERS]])
    columns = []
    for number in range(random.choice([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 30, 63, 64])):
        type = random.choice(types)
        value = salted(random, 'draw({i}, {salt}, 2)' + (' = 1' if type == 'boolean' else ''))
        columns.append(Column(f'f{number}', type, value))
    return columns


def intensities_column(random, features):
    """Return a column of arrays, which are equal numbers, or differ and so do not compress."""
    type = random.choice(['real', 'double precision'])
    value = random.choice(['array_fill({x}, ARRAY[{n}])', "('[3:{m}]=' || array_fill({x}, ARRAY[{n}])::text)", 'ARRAY(SELECT {x} / k FROM generate_series(1, {n}) k)'])
    value = value.replace('{x}', f'((draw({{i}}, {{salt}}, 1200) - 100) / 999.0)::{type}').replace('{n}', str(features)).replace('{m}', str(features + 2))
    return Column('intensities', type + '[]', salted(random, f'{value}::{type}[]'), fixed=True, storage=random.choice(['', '', 'MAIN', 'EXTERNAL', 'EXTENDED']))


# ---- Long tables: a row for each cell and feature ----

FEATURE_NAMES = ['CD3', 'CD8', 'cd3', '', 'PanCK', 'FOXP3', 'Ki-67', 'PD-L1', 'a feature of many words', 'CD3 ', 'β-catenin']
ROW_ORDERS = ['i.i, f.f', 'f.f, i.i', 'draw(i.i * 8 + f.f, 1, 1000000)']
DOUBLES = ['0', "'-0.0'", '0.1', '1', '0.30000000000000004', '-2.5', '1e-300', '1e300', "'NaN'", "'Infinity'", "'-Infinity'"]
NUMERICS = ['0', '0.000', '-1', '0.1', '1e22', '1e23', '9007199254740992', '9007199254740993', '12345678901234567e5', '0.00000000000000000000000000001',
            '1e-300', '1e300', "'NaN'", "'Infinity'", "'-Infinity'", '123456789012345678901234567890.123456789', '10000', '99990000', '0.0001', '1.0000000000000000']


def random_numeric(random):
    digits = ''.join(random.choices('0123456789', k=random.randrange(1, random.choice([6, 18, 60, 250]))))
    point = random.randrange(len(digits) + 1)
    return random.choice(['', '-']) + f'{digits[:point] or 0}.{digits[point:] or 0}e{random.choice([0, 0, 0, -3, 5, 20, -25])}'


def long_columns(random, features):
    """Return the columns of the cell, the feature, what is positive, and the intensity."""
    cell = random.choice(['{i}', '({i} * 7919 % 32749)', '(4294967295 - {i})'])
    array = f"(ARRAY[{', '.join(map(quoted, features))}])"
    texts = ['text', 'varchar', 'varchar(400)']
    columns = [Column('cell', random.choice(texts), f'{cell}::text', fixed=True), Column('feature', random.choice(texts), f'{array}[1 + {{f}}]', fixed=True),
               Column('positive', 'boolean', salted(random, 'draw({r}, {salt}, 2) = 1')),
               Column('status', random.choice(texts), pick(random, ["'positive'", "'negative'", "''", "'Positive'"], 'text')),
               Column('code', random.choice(INTEGERS), salted(random, 'draw({r}, {salt}, 4) - 1'))]
    type = random.choice(['real', 'double precision', 'double precision', 'numeric', 'numeric', 'numeric(40,12)', *INTEGERS])
    if type in INTEGERS:
        value = salted(random, 'draw({r}, {salt}, 60001) - 30000')
    elif type == 'numeric':
        value = pick(random, random.sample(NUMERICS, 6) + [random_numeric(random) for _ in range(10)], type)
    else:
        value = pick(random, ['0', '0.1', '-2.5', '123.456'] + (random.sample(DOUBLES, 5) if type == 'double precision' else []), type)
    return columns + [Column('intensity', type, with_nulls(random, value) if random.random() < 0.4 else value,
                             storage=random.choice(['', '', 'EXTERNAL', 'EXTENDED']) if 'numeric' in type else '')]


# ---- Columns that the queries do not use ----

FILLERS = [
    ('smallint', 'draw({r}, {salt}, 1000)'), ('integer', '{r}'), ('bigint', 'hashint8extended({r}, {salt})'), ('boolean', 'draw({r}, {salt}, 2) = 1'),
    ('"char"', "'c'"), ('real', '{r} / 3.0'), ('double precision', '{r} / 3.0'), ('numeric', 'draw({r}, {salt}, 100000) / 7.0'),
    ('date', "DATE '2020-01-01' + draw({r}, {salt}, 1000)"), ('timestamptz', 'now()'), ('interval', "INTERVAL '1 day'"), ('timetz', "TIMETZ '12:00+01'"),
    ('uuid', 'md5({r}::text)::uuid'), ('point', 'point({r}, 2)'), ('name', "'a name'"), ('char(5)', "'abc'"), ('inet', "INET '10.0.0.1'"), ('varbit', "B'10110'"),
    ('jsonb', "jsonb_build_object('row', {r})"), ('integer[]', 'array_fill(1, ARRAY[1 + draw({r}, {salt}, 30)])'),
    ('text', "repeat('t', draw({r}, {salt}, 200))"), ('text', "repeat('long ', 100 + draw({r}, {salt}, 1500))"),
    ('text', "repeat(md5({r}::text), draw({r}, {salt}, 6))"), ('bytea', "decode(repeat(md5({r}::text), 1 + draw({r}, {salt}, 8)), 'hex')"),
    ('text', "(SELECT string_agg(md5(({r} * 100 + k)::text), '') FROM generate_series(1, 30 + draw({r}, {salt}, 60)) k)"),
]


def filler_columns(random):
    columns = []
    for number in range(random.choice([0, 1, 2, 4, 8])):
        type, value = random.choice(FILLERS)
        value = salted(random, value)
        column = Column(f'filler{number}', type, with_nulls(random, value) if random.random() < 0.5 else value)
        if type in ('text', 'bytea') and random.random() < 0.4:
            column.storage = random.choice(['MAIN', 'EXTERNAL', 'EXTENDED'] + ['PLAIN'] * ('long' not in value and 'SELECT' not in value))
        columns.append(column)
    return columns


def generated(column):
    """Make a column generated. Return it with its source."""
    source = Column(column.name + '_source', column.type, column.value, fixed=column.fixed)
    column.source, column.value = source, ''
    return [source, column]
