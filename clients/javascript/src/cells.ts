/*
 * Typed arrays have the byte order of the platform, and cells are handed over
 * as the little-endian bytes of the network.  No browser or Node runs on
 * anything else; should one, it hears so when it loads this, not by wrong
 * cells.
 */
if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
    throw new Error("cell-binary needs a little-endian platform");

/** 32-bit words of a cell. */
export const WORDS = 4;

/** Bytes of a cell. */
export const CELL = 4 * WORDS;

/**
 * Cells, one after the other, as a vertex buffer of a GPU takes them: four
 * words of 32 bits each, 16 bytes, little-endian:
 *
 *     x, y, phenotypes 0 ... 31, phenotypes 32 ... 63
 *
 * `coordinates`, `masks` and `bytes` are views of the same memory, so that
 * cell i has its x at `coordinates[4 * i]`, its y at `coordinates[4 * i + 1]`,
 * and its mask in `masks[4 * i + 2]` and `masks[4 * i + 3]`.  Positions are in
 * pixels.
 *
 * Memory is what the views are of: an ArrayBuffer, unless a payload in layout
 * compact came in memory that is shared, or that TypeScript cannot tell from it.
 */
export class Cells<Memory extends ArrayBufferLike = ArrayBuffer> {
    /** Number of cells. */
    readonly length: number;
    /** All words, of which x and y are read: signed, but unsigned in layout spt. */
    readonly coordinates: Int32Array<Memory> | Uint32Array<Memory>;
    /** All words, of which the masks are read. */
    readonly masks: Uint32Array<Memory>;
    /** All bytes, to be uploaded as they are. */
    readonly bytes: Uint8Array<Memory>;
    /** The cell_id of each cell, ascending; null for layout compact, which has no ids. */
    readonly ids: Uint32Array<ArrayBuffer> | null;

    /** @param words four for each cell; they become the cells, and are not copied */
    constructor(words: Int32Array<Memory> | Uint32Array<Memory>, ids: Uint32Array<ArrayBuffer> | null = null) {
        this.length = words.length / WORDS;
        this.coordinates = words;
        this.masks = new Uint32Array(words.buffer, words.byteOffset, words.length);
        this.bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
        this.ids = ids;
    }

    /** x of a cell, in pixels. @throws RangeError if there is no such cell */
    x(cell: number): number {
        return this.coordinates[this.at(cell)]!;
    }

    /** y of a cell, in pixels. @throws RangeError if there is no such cell */
    y(cell: number): number {
        return this.coordinates[this.at(cell) + 1]!;
    }

    /**
     * The mask of a cell: bit k is set when it is positive for feature k.
     * @throws RangeError if there is no such cell
     */
    phenotypes(cell: number): bigint {
        const at = this.at(cell);
        return (BigInt(this.masks[at + 3]!) << 32n) | BigInt(this.masks[at + 2]!);
    }

    /** Where the words of a cell begin. */
    private at(cell: number): number {
        if (!(Number.isInteger(cell) && cell >= 0 && cell < this.length))
            throw new RangeError(`no cell ${cell}: there are ${this.length}`);
        return WORDS * cell;
    }
}
