"""Compare the results of random queries on random tables with and without the scan. Print JSON.

The scan (src/scan) computes aggregates from the pages of a table. Its results must have the bytes of
the executor's results, and its errors the executor's SQLSTATE and texts. The environment names the
server (PGHOST etc.), and sets:

    SCAN_SEED     the seed of all random values
    SCAN_TABLES   the number of tables
    SCAN_ONLY     the number of the only table to test, to repeat a failure; prints its statements

Three sessions take part, one at a time: main creates the tables and compares; other has open and
prepared transactions; old compares with an old snapshot.
"""
import collections
import json
import os
import random
import re
import sys
import time

import psycopg

from scan_columns import SAMPLE_KINDS, quoted
from scan_queries import LAYOUTS, Queries
from scan_tables import KINDS, PARTITIONED, Table

SHOWN = 5          # differences that the output describes
CONTEXTS = {'READ COMMITTED': 9, 'REPEATABLE READ': 3, 'SERIALIZABLE': 2, 'own changes': 3}     # weights

# What queries may fail with: a lack of privileges, rows that the aggregates refuse, and a materialized
# view that is not populated
EXPECTED_ERRORS = {'42501', '22004', '2202E', '22003', '22023', '21000', '23505', '54000', '55000', 'P0002', '22P02', '42704', '42804', '54023'}

SETTINGS = ['enable_seqscan', 'enable_seqscan', 'enable_bitmapscan', 'enable_indexscan', 'enable_indexonlyscan', 'enable_hashagg', 'enable_sort', 'enable_material',
            'enable_partition_pruning', 'enable_memoize']
PARALLEL = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2'


class Run:
    """The sessions, and what all tables add up to."""

    def __init__(self, seed):
        self.seed, self.started = seed, time.monotonic()
        self.sessions = {name: psycopg.connect('', autocommit=True, prepare_threshold=None, options='-c statement_timeout=60s -c lock_timeout=5s -c jit=off -c search_path=scan_tables,public') for name in ('main', 'other', 'old')}
        self.counts, self.done, self.errors = collections.Counter(), collections.Counter(), collections.Counter()
        self.wrong = {'differences': [], 'unplanned': [], 'left': [], 'not left': [], 'unexpected errors': [], 'setup errors': []}

    def note(self, kind, what, test):
        """Count what is wrong, and describe the first ones with the steps that led there."""
        self.counts[kind] += 1
        if len(self.wrong[kind]) < SHOWN:
            steps = '\n  '.join(step[:500] for step in test.steps[-60:])
            self.wrong[kind].append(f'{what}\n  repeat with SCAN_SEED={self.seed} SCAN_ONLY={test.number}, after\n  {steps}')

    def never_done(self):
        """Return the kinds of tables and queries that the scan never computed without the executor."""
        tables = [f'table {kind}' for kind in KINDS if kind not in ('foreign leaf', 'not populated')]
        samples = [f'sample {kind}' for kind, (_, _, _, scannable) in SAMPLE_KINDS.items() if scannable]
        shapes = ['whole', 'one sample', 'grouped', 'inside another query', 'lateral', 'correlated', 'lateral with groups', 'repeated', 'sample of a subquery',
                  'prepared', 'as cell_data', 'as cell_data_samples']
        calls = LAYOUTS + ['without ids', 'with ids', 'layout of a parameter', 'positive', 'intensities', 'packed intensities']
        indexes = [f'index {kind}' for kind in ('btree', 'hash', 'brin', 'two columns', 'partial', 'one sample', 'number', 'covering', 'descending')]
        contexts = [f'in {context}' for context in CONTEXTS if context != 'SERIALIZABLE'] + ['in an old snapshot', 'as a role with a policy', 'beside changes in progress']
        wanted = tables + samples + [f'query {shape}' for shape in shapes] + [f'aggregate {call}' for call in calls] + indexes + contexts
        return [what for what in wanted if not self.done[what]]


class Test:
    """The test of one table."""

    def __init__(self, run, number):
        self.run, self.number, self.steps = run, number, []
        self.random = random.Random(f'{run.seed} {number}')
        self.table = Table(self.random, number, run.sessions['main'].info.server_version)
        self.queries = Queries(self.table, self.random)
        self.prepared = []           # queries of prepared statements of the session main
        self.role = self.policy = None
        self.policy_readable = True
        self.in_progress = False     # other sessions have open transactions
        self.too_large = False       # payloads may be too large

    # ---- Statements ----

    def execute(self, *statements, session='main'):
        for statement in statements:
            self.steps.append(f'{session}: {statement}')
            self.run.sessions[session].execute(statement)

    def together(self, statements):
        """Execute statements in one transaction and one round trip."""
        if statements:
            self.execute('; '.join(statements))

    # ---- Loading ----

    def load(self):
        table = self.table
        half = table.rows * self.random.choice([0, 1, 1, 2]) // 2
        first = table.create() + [table.insert(count) for count in (half // 2, half - half // 2) if count]
        if self.random.random() < 0.1 and table.kind != 'temporary':
            self.execute('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1', session='old')
        self.together(first)
        rest = [table.insert(count) for count in (table.rows - half,) if count]
        self.together([*table.add_columns(), *rest, *table.finish()])
        if table.faults() and self.random.random() < 0.1 and not table.is_view():
            self.execute(table.faulty_insert())
            table.faulty = True
        self.together([table.create_index() for _ in range(self.random.choice([0, 0, 1, 1, 2]))])
        if self.random.random() < 0.3:
            self.execute(f'ANALYZE {table.parts[0].name}')

    def register(self):
        """Register a study, which does not store payloads."""
        columns = [column.name for column in self.table.columns if column.name[0] == 'f' and column.name[1:].isdigit()]
        features = f"ARRAY[{', '.join(map(quoted, columns or ['a', 'b']))}]"
        mapped = f"{features}::name[], NULL" if columns else "NULL, 'phenotypes'"
        intensities = "'intensities'" if 'intensities' in self.table.parts[0].columns else 'NULL'
        query = f"SELECT registered('{self.table.name}', '{self.table.name}', {features}, {mapped}, {intensities})"
        self.steps.append(f'main: {query}')
        (answer,), = self.run.sessions['main'].execute(query).fetchall()
        self.run.counts['registered'] += answer == self.table.name
        self.queries.study = self.table.name if answer == self.table.name else None

    def grant(self):
        """Let the role scan_reader read the table, some columns of it or some of its rows."""
        table = self.table
        self.role = self.random.choice(['policy', 'policy', 'columns', 'no privilege'])
        names = ', '.join(self.random.sample([column.name for column in table.columns], len(table.columns) * 2 // 3))
        if self.role == 'columns':
            self.execute(f'GRANT SELECT ({names}) ON {table.name} TO scan_reader')
        elif self.role == 'policy':
            self.execute(f'GRANT SELECT ON {table.name} TO scan_reader')
        if self.role == 'policy' and not table.is_view() and table.kind != 'union':
            policy, self.policy_readable = self.random.choice([self.queries.of_sample, self.queries.of_range, lambda t: ('length(sample::text) < 3', False)])('')
            self.execute(f'ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY; CREATE POLICY readable ON {table.name} USING ({policy})')

    # ---- Changes ----

    def after(self):
        """Change the table, committed or not, by statements of the session main."""
        table, random = self.table, self.random
        base = table.parts[0].name
        events = [
            lambda: self.execute(table.change()),
            lambda: self.execute(table.change(), table.change()),
            lambda: [self.execute(table.update(('filler', 'positive', 'x'))) for _ in range(3)],
            lambda: self.execute('BEGIN', table.change(), table.faulty_insert(), table.change(), 'ROLLBACK'),
            lambda: self.execute('BEGIN', table.change(), 'SAVEPOINT a', table.change(), table.faulty_insert(), 'ROLLBACK TO a', table.change(), 'SAVEPOINT b',
                                 table.change(), 'RELEASE b', table.change(), 'COMMIT'),
            lambda: self.execute(f'BEGIN; {table.faulty_insert()}', table.delete(f'number = {table.next_number - 1}'), 'COMMIT') if not table.faulty else None,
            lambda: self.execute(f'VACUUM {base}'),
            lambda: self.execute(f"VACUUM (FREEZE{', ANALYZE' * random.randrange(2)}) {table.name if table.kind in ('materialized view', *KINDS) and not self.is_plain_view() else base}"),
            lambda: self.execute(f'VACUUM (FREEZE) {base}', table.change()),
            lambda: self.execute(table.delete(), f'VACUUM {base}', table.insert(20)),
            lambda: self.execute(f'VACUUM FULL {base}'),
            lambda: self.execute(f'ALTER TABLE {base} ADD late{self.random.randrange(10000)} integer DEFAULT 7'),
            lambda: self.execute(table.create_index()),
            lambda: self.execute(*table.drop_late()),
        ]
        if table.kind != 'temporary':
            events.append(self.lock_rows)
        for event in random.choices(events, k=random.choice([0, 1, 2, 3])):
            event()
        if table.kind == 'materialized view' and random.random() < 0.6:
            self.execute(f'REFRESH MATERIALIZED VIEW {table.name}')

    def is_plain_view(self):
        return self.table.kind in ('view', 'union')

    def lock_rows(self):
        """Let two transactions mark the same rows, so that the rows have a MultiXactId."""
        name = self.table.parts[0].name
        if self.table.kind != 'foreign leaf':
            self.execute(f'BEGIN; SELECT number FROM {name} WHERE number % 3 = 0 FOR KEY SHARE', session='other')
            self.execute(f'BEGIN; SELECT number FROM {name} WHERE {self.table.some()} FOR {self.random.choice(["SHARE", "NO KEY UPDATE", "KEY SHARE"])}')
            self.execute(self.random.choice(['COMMIT', 'ROLLBACK']))
            self.execute('COMMIT', session='other')

    def begin_in_progress(self):
        """Change rows in a transaction of another session, which stays open or prepared. Return how it ends."""
        table, random = self.table, self.random
        changes = [table.change() for _ in range(random.choice([1, 2, 3]))]
        if random.random() < 0.3:
            changes += ['SAVEPOINT a', table.change(), random.choice(['ROLLBACK TO a', 'RELEASE a'])]
        faulty = not table.faulty and random.random() < 0.3
        changes += [table.faulty_insert()] * faulty
        self.execute('BEGIN', *changes, session='other')
        end = 'ROLLBACK' if faulty else random.choice(['COMMIT', 'ROLLBACK'])
        self.in_progress = True
        if random.random() < 0.4:
            self.execute(f"PREPARE TRANSACTION '{table.name}'", session='other')
            return f"{end} PREPARED '{table.name}'"
        return end

    # ---- Comparing ----

    def settings(self):
        chosen = [f"SET {setting} = off" for setting in SETTINGS if self.random.random() < 0.2]
        chosen += ["SET work_mem = '64kB'; SET hash_mem_multiplier = 1"] * (self.random.random() < 0.3)
        chosen += ['SET enable_partitionwise_aggregate = on'] * (self.random.random() < 0.2) + [PARALLEL] * (self.random.random() < 0.02)
        chosen.append(f"SET plan_cache_mode = {self.random.choice(['auto', 'force_generic_plan', 'force_generic_plan', 'force_custom_plan'])}")
        # Which of several samples is found to be too large first depends on the plan.
        self.too_large = len(self.table.sample.literals) == 1 and not self.table.may_have_null_sample and self.random.random() < 0.2
        return chosen + [f'SET cell_binary.max_payload_size = {self.random.choice([1024, 3000])}'] * self.too_large

    def compare(self, count, context, session='main'):
        """Compare the results of random queries, in a transaction of this kind."""
        queries = self.queries.draw(count)
        for query in queries:
            if query.prepare:
                self.execute(query.prepare, session=session)
        if session == 'main':
            queries += self.random.sample(self.prepared, min(2, len(self.prepared)))
            self.prepared += [query for query in queries if query.prepare and query not in self.prepared]
        self.execute('; '.join(self.settings()), session=session)
        if context == 'own changes':
            self.execute('BEGIN', *self.own_changes(), session=session)
        elif session == 'main':
            self.execute(f'BEGIN ISOLATION LEVEL {context}', session=session)
        if self.role is not None:
            self.execute('SET ROLE scan_reader', session=session)
        scan_first = self.random.random() < 0.5
        arguments = [query.text for query in queries], [query.explained for query in queries], self.random.random() < 0.1, scan_first
        self.steps.append(f'{session}: -- compares')
        for number, *outcome in self.run.sessions[session].execute('SELECT * FROM compared(%s, %s, %s, %s)', arguments).fetchall():
            self.check(queries[number], context, *outcome)
        if session == 'main':
            self.execute(self.random.choice(['COMMIT', 'ROLLBACK']), session=session)
        else:
            self.execute('COMMIT', session=session)
        self.execute('RESET ROLE; RESET ALL', session=session)

    def own_changes(self):
        changes = [self.table.change() for _ in range(self.random.choice([1, 2]))]
        if self.random.random() < 0.15 and self.table.kind != 'foreign leaf':
            changes = [f'TRUNCATE {self.table.parts[0].name}', self.table.insert(20), *changes]
        return changes

    def check(self, query, context, with_scan, without_scan, plan):
        run, plan = self.run, plan or ''
        if query.call == 'without ids':     # The plan determines the order of the rows.
            with_scan, without_scan = (re.sub(r'\brow \d+', 'a row', outcome) for outcome in (with_scan, without_scan))
        run.counts['compared'] += 1
        what = f'{query.text[:1000]}\n  in {context}:\n  with the scan:    {with_scan}\n  without the scan: {without_scan}\n{plan}'
        if with_scan != without_scan:
            run.note('differences', what, self)
        if without_scan.startswith('error '):
            run.counts['equal errors'] += 1
            run.errors[without_scan[6:11]] += 1
            if without_scan[6:11] not in EXPECTED_ERRORS or plan.startswith('error 42') and 'error 42' not in without_scan:
                run.note('unexpected errors', what, self)
        planned, ran, left = 'Custom Scan (CellScan)' in plan, 'has not run the plan below' in plan, 'has run the plan below' in plan
        run.counts.update({'planned': planned, 'ran': ran, 'left to the executor': left})
        if query.must_plan and not planned and self.must_plan(plan):
            run.note('unplanned', what, self)
        # A policy reads the sample, which may be compressed.
        unreadable = self.role == 'policy' and any(len(literal) > 500 for literal in self.table.sample.literals)
        if query.must_run and left and context != 'SERIALIZABLE' and not self.too_large and not unreadable:
            run.note('left', what, self)
        if ran and context == 'SERIALIZABLE':
            run.note('not left', what, self)
        if ran:
            self.count_done(query, context, plan)

    def must_plan(self, plan):
        # The planner may find that there are no rows, or that this depends on a parameter, or the partitions do.
        pruned_later = self.table.kind in PARTITIONED and re.search(r'(Cond|Filter): .*(\$\d|InitPlan|"\*VALUES\*")', plan)
        return self.policy_readable and 'One-Time Filter' not in plan and not pruned_later and not plan.startswith('error ')

    def count_done(self, query, context, plan):
        done = [f'table {self.table.kind}', f'sample {self.table.sample.kind}', f'query {query.shape}', f'aggregate {query.call}', f'in {context}']
        done += [f'index {kind}' for name, kind in self.table.indexes.items() if re.search(rf'Pages from Index(es)?: .*\b{name}\b', plan)]
        done += ['as a role with a policy'] * (self.role == 'policy') + ['beside changes in progress'] * self.in_progress
        self.run.done.update(done)

    # ---- The test ----

    def play(self):
        table, random = self.table, self.random
        self.load()
        if not table.long and random.random() < (0.8 if 'intensities' in table.parts[0].columns else 0.25):
            self.register()
        if random.random() < 0.1 and table.kind != 'temporary':
            self.grant()
        old = self.run.sessions['old']
        if random.random() < 0.4:
            self.compare(random.choice([3, 6]), 'READ COMMITTED')
        if random.random() < 0.2 and table.kind != 'temporary' and old.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self.execute('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1', session='old')
        self.after()
        end = self.begin_in_progress() if random.random() < 0.35 and table.kind not in ('temporary', 'foreign leaf') else None
        contexts = {context: weight for context, weight in CONTEXTS.items() if end is None or context != 'own changes'}
        self.compare(random.choice([6, 10]), random.choices(list(contexts), list(contexts.values()))[0])
        if old.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.compare(5, 'an old snapshot', session='old')
        if end is not None:
            self.execute(end, session='other')
            self.in_progress = False
            if random.random() < 0.5:
                self.compare(4, 'READ COMMITTED')

    def clean(self):
        """Leave nothing behind, whatever happened."""
        for session in self.run.sessions.values():
            session.rollback()
            session.execute('RESET ROLE; RESET ALL; DEALLOCATE ALL')
        main = self.run.sessions['main']
        for name, in main.execute('SELECT gid FROM pg_prepared_xacts').fetchall():
            main.execute(f"ROLLBACK PREPARED '{name}'")
        if self.queries.study is not None:
            main.execute(f"SELECT cell_drop_study('{self.queries.study}')")
        main.execute('DROP SCHEMA scan_tables CASCADE; DISCARD TEMPORARY; CREATE SCHEMA scan_tables; GRANT USAGE ON SCHEMA scan_tables TO scan_reader')

    def test(self):
        try:
            self.play()
        except psycopg.OperationalError as error:
            self.run.note('setup errors', f'the server broke off: {error}', self)
            raise
        except psycopg.Error as error:
            self.run.note('setup errors', f'{error} ({error.sqlstate})', self)
        self.clean()


def main():
    seed = os.environ.get('SCAN_SEED', str(int(time.time())))
    tables = int(os.environ.get('SCAN_TABLES', 1000))
    only = os.environ.get('SCAN_ONLY')
    run = Run(seed)
    for number in [int(only)] if only else range(tables):
        test = Test(run, number)
        try:
            test.test()
        except psycopg.OperationalError:
            break
        if number % 200 == 199:
            run.sessions['main'].execute('VACUUM pg_class'), run.sessions['main'].execute('VACUUM pg_attribute')
        if only:
            print(*test.steps, sep='\n', file=sys.stderr)
    print(json.dumps({
        'seed': seed, 'tables': number + 1, 'seconds': round(time.monotonic() - run.started), 'never_done': run.never_done(), 'counts': run.counts, 'errors': run.errors,
        'done': run.done, 'wrong': run.wrong}))


main()
