import { bytesOf } from "./bytes.js";
import { Cells, CELL, WORDS } from "./cells.js";
import { decodeDense } from "./dense.js";
import { PayloadError } from "./errors.js";
import { putId } from "./ids.js";
import { checkNumber, MAX_CELLS, type DecodeOptions } from "./limit.js";

/** The layouts that `decode` reads. */
export type Layout = "compact" | "spt" | "dense";

/**
 * Decode a payload.  `fromArrow` reads layout arrow, and `decodeIntensities` layout
 * intensity; `decodeSubsample` decodes a subsample.
 *
 * In layout compact the cells are views of the payload's memory, from its byte 4
 * on.  The payload is copied only if it is a Uint8Array whose byteOffset is not
 * a multiple of four.  In layouts spt and dense the cells are in new memory.
 *
 * The length and maxCells are checked before anything is allocated, so that a
 * header cannot claim memory that its payload does not fill.
 *
 * @throws PayloadError if the bytes are not a payload of the layout, or have more than maxCells cells
 * @throws RangeError if the layout does not exist or needs another function
 * @throws TypeError if the payload is neither an ArrayBuffer nor a Uint8Array
 */
export function decode<Memory extends ArrayBufferLike>(
    payload: Memory | Uint8Array<Memory>,
    layout: Layout = "compact",
    { maxCells = MAX_CELLS }: DecodeOptions = {},
): Cells<Memory | ArrayBuffer> {
    const bytes = bytesOf(payload);
    switch (layout) {
        case "compact":
            return decodeCompact(bytes, maxCells);
        case "spt":
            return decodeSpt(bytes, maxCells);
        case "dense":
            return decodeDense(bytes, maxCells);
        default:
            if ((layout as string) === "arrow")
                throw new RangeError('layout "arrow" is read with apache-arrow: fromArrow(tableFromIPC(bytes))');
            if ((layout as string) === "intensity")
                throw new RangeError('"intensity" is decoded with decodeIntensities(payload, channels)');
            if ((layout as string) === "subsample")
                throw new RangeError('"subsample" is decoded with decodeSubsample(payload)');
            throw new RangeError(`unknown layout "${layout}"; the layouts are compact, spt, dense`);
    }
}

/** Check a header that begins with the number of cells, and return that number. */
function readHeader(
    bytes: Uint8Array,
    size: number,
    cellSize: number,
    littleEndian: boolean,
    maxCells: number,
): number {
    if (bytes.length < size)
        throw new PayloadError(`the header takes ${size} bytes, but the payload has only ${bytes.length}`);
    const cells = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, littleEndian);
    const expected = size + cells * cellSize;
    if (bytes.length !== expected)
        throw new PayloadError(
            `the header gives ${cells} cells, so the payload must have ${expected} bytes, but it has ${bytes.length}`,
        );
    checkNumber(cells, maxCells);
    return cells;
}

function decodeCompact<Memory extends ArrayBufferLike>(
    bytes: Uint8Array<Memory>,
    maxCells: number,
): Cells<Memory | ArrayBuffer> {
    const header = 4;
    const cells = readHeader(bytes, header, CELL, true, maxCells);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return new Cells(new Int32Array(aligned.buffer, aligned.byteOffset + header, WORDS * cells));
}

function decodeSpt(bytes: Uint8Array, maxCells: number): Cells {
    const header = 20;
    const cellSize = 20;
    const cells = readHeader(bytes, header, cellSize, false, maxCells);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = new Uint32Array(WORDS * cells);
    const ids = new Uint32Array(cells);
    // Without cells, the extent is zero.
    let minX = cells > 0 ? 0xffffffff : 0;
    let minY = minX;
    let maxX = 0;
    let maxY = 0;

    for (let i = 0, from = header, to = 0; i < cells; i++, from += cellSize, to += WORDS) {
        const x = view.getUint32(from + 4);
        const y = view.getUint32(from + 8);

        putId(ids, i, view.getUint32(from));
        words[to] = x;
        words[to + 1] = y;
        words[to + 2] = view.getUint32(from + 12, true);
        words[to + 3] = view.getUint32(from + 16, true);
        if (x < minX) minX = x;
        if (x > maxX) maxX = x;
        if (y < minY) minY = y;
        if (y > maxY) maxY = y;
    }

    const sides: [string, number][] = [
        ["minimum x", minX],
        ["maximum x", maxX],
        ["minimum y", minY],
        ["maximum y", maxY],
    ];
    sides.forEach(([side, expected], i) => {
        const found = view.getUint32(4 + 4 * i);
        if (found !== expected)
            throw new PayloadError(`the ${side} is ${found} in the header, but ${expected} in the cells`);
    });
    return new Cells(words, ids);
}
