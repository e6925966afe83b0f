/*
 * Typed arrays have the byte order of the platform, and the views of a payload
 * are little-endian.  Every browser and Node run on little-endian platforms.  On
 * any other, loading this module fails, because the cells would be wrong.
 */
if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
    throw new Error("cell-binary needs a little-endian platform");

/** 32-bit words per cell. */
export const WORDS = 4;

/** Bytes per cell. */
export const CELL = 4 * WORDS;

/**
 * The cells of a payload, as a GPU's vertex buffer takes them.  A cell is four
 * words of 32 bits, 16 bytes, little-endian:
 *
 *     x, y, phenotypes 0 ... 31, phenotypes 32 ... 63
 *
 * `coordinates`, `phenotypeWords` and `bytes` are views of the same memory.
 * Cell i has its x at `coordinates[4 * i]`, its y at `coordinates[4 * i + 1]`,
 * and its phenotypes at `phenotypeWords[4 * i + 2]` and `phenotypeWords[4 * i + 3]`.
 * Positions are in pixels.
 *
 * Memory is the type of the memory under the views.  It is ArrayBuffer, unless a
 * payload in layout compact is in shared memory, or in memory that TypeScript
 * cannot distinguish from shared memory.
 */
export class Cells<Memory extends ArrayBufferLike = ArrayBuffer> {
    /** Number of cells. */
    readonly length: number;
    /** All words.  Read x and y here: they are signed, but unsigned in layout spt. */
    readonly coordinates: Int32Array<Memory> | Uint32Array<Memory>;
    /** All words.  Read the phenotypes here. */
    readonly phenotypeWords: Uint32Array<Memory>;
    /** All bytes, ready for upload. */
    readonly bytes: Uint8Array<Memory>;
    /** The cell_id of each cell, ascending; null in layout compact, which has no ids. */
    readonly cellIds: Uint32Array<ArrayBuffer> | null;

    /** @param words four per cell; the cells are a view of them, not a copy */
    constructor(words: Int32Array<Memory> | Uint32Array<Memory>, cellIds: Uint32Array<ArrayBuffer> | null = null) {
        this.length = words.length / WORDS;
        this.coordinates = words;
        this.phenotypeWords = new Uint32Array(words.buffer, words.byteOffset, words.length);
        this.bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
        this.cellIds = cellIds;
    }

    /** The x of a cell, in pixels. @throws RangeError if the position is not that of a cell */
    x(cell: number): number {
        return this.coordinates[this.at(cell)]!;
    }

    /** The y of a cell, in pixels. @throws RangeError if the position is not that of a cell */
    y(cell: number): number {
        return this.coordinates[this.at(cell) + 1]!;
    }

    /**
     * The phenotypes of a cell: bit k is set if the cell is positive for feature k.
     * @throws RangeError if the position is not that of a cell
     */
    phenotypes(cell: number): bigint {
        const at = this.at(cell);
        return (BigInt(this.phenotypeWords[at + 3]!) << 32n) | BigInt(this.phenotypeWords[at + 2]!);
    }

    /** The index of the first word of a cell. */
    private at(cell: number): number {
        if (!(Number.isInteger(cell) && cell >= 0 && cell < this.length))
            throw new RangeError(`there is no cell ${cell}: the number of cells is ${this.length}`);
        return WORDS * cell;
    }
}
