"""Two studies as SMProfiler (formerly SPT) imports them, and what SMProfiler serves for them.

    smprofiler_study.py [FOLDER] load             psql commands that create and fill the tables
    smprofiler_study.py [FOLDER] payload|intensities SCHEMA SAMPLE
    smprofiler_study.py [FOLDER] names|full_names SCHEMA

FOLDER contains SMProfiler's fixture, which becomes the first sample. Without FOLDER, the first
sample is generated like the others. Payloads go to standard output in hexadecimal. The code follows
SMProfiler's source and formats, and shares nothing with the extension.
"""
import base64
import hashlib
import json
import os
import random
import struct
import sys

import packer

TABLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../include/smprofiler_tables.sql')


class Study:
    """A study: channels as pairs (symbol, column prefix), samples as rows of a CSV file."""

    def __init__(self, name, schema, channels, samples):
        self.name, self.schema, self.channels = name, schema, channels
        # SMProfiler drops repeated rows, and numbers structures across all samples.
        self.samples, structure = {}, 0
        for sample, rows in samples.items():
            unique = list({tuple(row.items()): row for row in rows}.values())
            self.samples[sample] = list(enumerate(unique, structure))
            structure += len(unique)

    def targets(self):
        """Return the channel numbers in the order of the bits, which is their order as text."""
        return sorted(range(len(self.channels)), key=str)

    def full_name(self, target):
        """Return the name of a channel, which SMProfiler serves as its full name."""
        return ['', f'{self.channels[target][0]} "in full"', f"channel {target}'s name"][target % 3]

    def payload(self, sample):
        columns = [self.channels[target][1] + '_Positive' for target in self.targets()]
        return packer.spt([(structure, *packer.centroid(row), packer.mask(row, columns))
                           for structure, row in self.samples[sample]])

    def intensities(self, sample):
        columns = [self.channels[target][1] + '_Intensity' for target in self.targets()]
        return b''.join(struct.pack('>I', structure) + bytes(float8(float(row[column]) * (1.0 / 10.0)) for column in columns)
                        for structure, row in self.samples[sample])


def float8(value):
    """Return the number's code in SMProfiler's 8-bit format: 3 bits of exponent, 5 of fraction."""
    shifted = 1 + value / (1 / 251)
    if shifted < 1:
        return 0
    exponent = 0
    while shifted / 2 ** (exponent + 1) >= 1:
        exponent += 1
    return 32 * exponent + int(32 * (shifted / 2 ** exponent - 1)) if exponent < 8 else 255


def shape(row):
    """Return a shapefile with one polygon, the cell's box, as pyshp writes it."""
    x1, x2, y1, y2 = (float(row[name]) for name in ('XMin', 'XMax', 'YMin', 'YMax'))
    corners = [(x1, y1), (x1, y2), (x2, y2), (x2, y1), (x1, y1)]
    box = struct.pack('<4d', x1, y1, x2, y2)
    content = struct.pack('<i', 5) + box + struct.pack('<iii', 1, len(corners), 0) + b''.join(struct.pack('<dd', *c) for c in corners)
    record = struct.pack('>ii', 1, len(content) // 2) + content
    header = struct.pack('>i20xi', 9994, (100 + len(record)) // 2) + struct.pack('<ii', 1000, 5) + box + bytes(32)
    return base64.b64encode(header + record).decode()


def generated(channels, count, seed):
    """Generate the rows of a sample; the last row repeats the first."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        x, y = draw.randrange(-20, 5000), draw.randrange(-20, 5000)
        row = {'XMin': str(x), 'XMax': str(x + draw.randrange(3, 50)), 'YMin': str(y), 'YMax': str(y + draw.randrange(3, 50))}
        for _, prefix in channels:
            row[prefix + '_Positive'] = str(draw.randrange(2))
            row[prefix + '_Intensity'] = str(draw.choice([0.0, -1.0, 10.0, 9.999999999999998, 40.0, draw.random() * 12]))
        rows.append(row)
    return rows + rows[:1]


def studies(folder):
    if folder:
        channels = [(channel['Name'], channel['Column header fragment prefix'])
                    for channel in packer.read_csv(f'{folder}/elementary_phenotypes.csv')]
        first = packer.read_csv(f'{folder}/0.csv')
    else:
        channels = [(f'CH{number}', f'CH {number}') for number in range(26)]
        first = generated(channels, 100, 1)
    others = [(f'M{number}', f'M{number}') for number in range(64)]
    return [Study('Melanoma intralesional IL2', 'melanoma', channels, {'lesion 0_1': first, 'lesion 0_2': generated(channels, 60, 2)}),
            Study('The "other" study', 'other "schema"', others, {'lesion 0_2': generated(others, 40, 3), "it's": generated(others, 1, 4)})]


def copy(table, columns, rows):
    """Print a COPY command with its data."""
    escape = str.maketrans({'\\': r'\\', '\t': r'\t', '\n': r'\n'})
    print(f"COPY {table} ({', '.join(columns)}) FROM STDIN;")
    for row in rows:
        print('\t'.join(r'\N' if value is None else str(value).translate(escape) for value in row))
    print('\\.')


def load(study):
    """Print what SMProfiler's import does with a study.

    Add data that must not be served: structures that are not cells, and another measurement study.
    """
    measurement, elsewhere = study.name + ' - measurement', 'elsewhere - measurement'
    print('SET search_path = "{}";\n\\i {}'.format(study.schema.replace('"', '""'), TABLES))
    copy('study', ['study_specifier'], [[study.name]])
    copy('study_component', ['primary_study', 'component_study'],
         [[study.name, study.name + part] for part in (' - specimen collection', ' - measurement', ' - data analysis')])
    copy('specimen_collection_study', ['name'], [[study.name + ' - specimen collection']])
    copy('specimen_measurement_study', ['name'], [[elsewhere], [measurement]])
    copy('chemical_species', ['identifier', 'symbol', 'name'],
         [[i, symbol, study.full_name(i)] for i, (symbol, _) in enumerate(study.channels)] + [[900, 'NO', None]])
    copy('biological_marking_system', ['identifier', 'target', 'study'],
         [[i, i, measurement] for i in range(len(study.channels))] + [[900, 900, elsewhere], [901, 0, measurement], [902, 900, measurement]])

    order = list(range(len(study.channels)))
    random.Random(study.schema).shuffle(order)
    structures = sum(map(len, study.samples.values()))
    samples = [(sample, measurement, cells, 'cell') for sample, cells in study.samples.items()]
    samples.append(('a specimen measured elsewhere', elsewhere, generated_cells(study, structures), 'cell'))
    samples.append((next(iter(study.samples)), measurement, generated_cells(study, structures + 2), 'tissue'))
    quantifications, ranges = [], []
    for number, (sample, of_study, cells, entity) in enumerate(samples):
        file = hashlib.sha256(f'{study.name} {number}'.encode()).hexdigest()
        if entity == 'cell':
            copy('specimen_collection_process', ['specimen', 'study'], [[sample, study.name + ' - specimen collection']])
        copy('specimen_data_measurement_process', ['identifier', 'specimen', 'study'], [[f'{file} measurement', sample, of_study]])
        copy('data_file', ['sha256_hash', 'source_generation_process'], [[file, f'{file} measurement']])
        copy('histological_structure', ['identifier', 'anatomical_entity'], [[structure, entity] for structure, _ in cells])
        copy('shape_file', ['identifier', 'geometry_specification_file_format', 'base64_contents'],
             [[structure + 7, 'ESRI Shapefile SHP', shape(row)] for structure, row in cells])
        copy('histological_structure_identification', ['histological_structure', 'data_source', 'shape_file'],
             [[structure, file, structure + 7] for structure, row in cells])
        if entity == 'cell':
            lowest = len(quantifications) + 1
            for structure, row in cells:
                for target in order:
                    prefix = study.channels[target][1]
                    quantifications.append([structure, target, float(row[prefix + '_Intensity']), '', '',
                                            'positive' if row[prefix + '_Positive'] == '1' else 'negative', ''])
            ranges.append([sample, 'expression_quantification', lowest, len(quantifications)])
    copy('expression_quantification', ['histological_structure', 'target', 'quantity', 'unit', 'quantification_method',
                                       'discrete_value', 'discretization_method'], quantifications)
    copy('range_definitions', ['scope_identifier', 'tablename', 'lowest_value', 'highest_value'],
         ranges + [[next(iter(study.samples)), 'feature_specification', 1, len(quantifications)]])


def generated_cells(study, first):
    return list(enumerate(generated(study.channels, 1, first), first))


def main(arguments):
    folder = arguments.pop(0) if os.path.isdir(arguments[0]) else None
    what, *arguments = arguments
    if what == 'load':
        for study in studies(folder):
            print('CREATE SCHEMA "{}";'.format(study.schema.replace('"', '""')))
            load(study)
        return
    study = next(study for study in studies(folder) if study.schema == arguments[0])
    if what == 'names':
        print(json.dumps({'names': [{'symbol': study.channels[target][0], 'full_name': ''} for target in study.targets()]}))
    elif what == 'full_names':
        print('\n'.join(study.full_name(target) for target in study.targets()))
    else:
        print(getattr(study, what)(arguments[1]).hex())


main(sys.argv[1:])
