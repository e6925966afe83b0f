import { Cells, WORDS } from "./cells.js";
import { PayloadError } from "./errors.js";
import { checkNumber, MAX_CELLS, type DecodeOptions } from "./limit.js";

/** The part of a Vector of apache-arrow that fromArrow uses. */
export interface ArrowColumn {
    readonly length: number;
    readonly type: { toString(): string };
    readonly nullCount: number;
    toArray(): unknown;
}

/** The part of a Table of apache-arrow that fromArrow uses. */
export interface ArrowTable {
    readonly numRows: number;
    getChild(name: string): ArrowColumn | null;
}

/**
 * Read the cells of layout arrow: `fromArrow(tableFromIPC(bytes))`.  The cells
 * are interleaved into new memory, and the ids are copied.
 *
 * The function accepts any table with the columns cell_id (uint32), x and y
 * (int32) and phenotypes (uint64), whichever program wrote it.  It does not read
 * other columns.
 *
 * @throws PayloadError if a column is missing, has another type or has nulls, or if there are more than maxCells rows
 */
export function fromArrow(table: ArrowTable, { maxCells = MAX_CELLS }: DecodeOptions = {}): Cells {
    checkNumber(table.numRows, maxCells);
    const ids = read<Uint32Array>(table, "cell_id", "Uint32");
    const x = read<Int32Array>(table, "x", "Int32");
    const y = read<Int32Array>(table, "y", "Int32");
    const phenotypes = read<BigUint64Array>(table, "phenotypes", "Uint64");

    const cells = new Cells(new Int32Array(WORDS * table.numRows), ids.slice());
    const { coordinates, phenotypeWords } = cells;
    const halves = new Uint32Array(phenotypes.buffer, phenotypes.byteOffset, 2 * phenotypes.length);
    for (let i = 0, at = 0; i < cells.length; i++, at += WORDS) {
        coordinates[at] = x[i]!;
        coordinates[at + 1] = y[i]!;
        phenotypeWords[at + 2] = halves[2 * i]!;
        phenotypeWords[at + 3] = halves[2 * i + 1]!;
    }
    return cells;
}

function read<A extends { readonly length: number }>(table: ArrowTable, name: string, type: string): A {
    const column = table.getChild(name);
    if (column === null || column === undefined)
        throw new PayloadError(`the Arrow table has no column "${name}"`);
    if (column.nullCount > 0)
        throw new PayloadError(`column "${name}" of the Arrow table must not have nulls, but has ${column.nullCount}`);
    // Check before toArray: for other types it makes an object of each value, and its array is as
    // long as the column claims.
    if (String(column.type) !== type)
        throw new PayloadError(`column "${name}" of the Arrow table has type ${column.type}, not ${type}`);
    checkLength(table, name, column.length);
    const values = column.toArray() as A;
    checkLength(table, name, values.length);
    return values;
}

function checkLength(table: ArrowTable, name: string, length: number): void {
    if (length !== table.numRows)
        throw new PayloadError(`column "${name}" of the Arrow table has ${length} values in ${table.numRows} rows`);
}
