/*
 * Layout dense: columns of bits.
 *
 * A plane holds one bit of every cell, in ceil(cells / 8) bytes.  Planes are
 * converted to numbers eight planes and eight cells at a time: a square of 8 x 8
 * bits, in two words of 32 bits.
 */
import { Cells, CELL, WORDS } from "./cells.js";
import { PayloadError } from "./errors.js";
import { checkNumber } from "./limit.js";

const HEADER = 40;
const MAGIC = [0x43, 0x42, 0x44, 1]; // CBD, version 1
const MAX_CELLS_OF_LAYOUT = 2 ** 26 - 1;
const DIFFERENCES = 128; // flag added to the number of planes of an axis
const NO_PARENT = 255;
const MAX_ID = 2 ** 32 - 1;
const MAX_COORDINATE = 2 ** 31 - 1;

export function decodeDense(bytes: Uint8Array, maxCells: number): Cells {
    if (bytes.length < HEADER)
        throw new PayloadError(`the header takes ${HEADER} bytes, but the payload has only ${bytes.length}`);
    const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
    MAGIC.forEach((byte, at) => checkByte(bytes, at, byte));
    const cells = header.getUint32(4, true);
    if (cells > MAX_CELLS_OF_LAYOUT) throw impossible("number of cells", cells);
    if (cells === 0) {
        for (let at = 8; at < HEADER; at++) checkByte(bytes, at, 0);
        checkLength(bytes, cells, HEADER);
        return new Cells(new Int32Array(0), new Uint32Array(0));
    }

    const gapPlanes = bytes[20]!;
    if (gapPlanes > 32) throw impossible("number of planes of cell_id", gapPlanes);
    const xPlanes = axisPlanes("x", bytes[21]!);
    const yPlanes = axisPlanes("y", bytes[22]!);
    checkByte(bytes, 23, 0);
    const features = bitsOf(header.getUint32(32, true), header.getUint32(36, true));

    const planeSize = Math.ceil(cells / 8);
    let next = HEADER + features.length;
    checkLength(bytes, cells, next + (gapPlanes + xPlanes + yPlanes + features.length) * planeSize);
    checkNumber(cells, maxCells);
    const parents = bytes.subarray(HEADER, next);
    checkParents(parents, features);

    const takePlanes = (count: number) =>
        Array.from({ length: count }, () => bytes.subarray(next, (next += planeSize)));
    const ids = decodeIds(takePlanes(gapPlanes), cells, header.getUint32(8, true));
    const decoded = new Cells(new Int32Array(WORDS * cells), ids);
    decodeAxis(decoded, 0, takePlanes(xPlanes), bytes[21]! >= DIFFERENCES, header.getInt32(12, true));
    decodeAxis(decoded, 1, takePlanes(yPlanes), bytes[22]! >= DIFFERENCES, header.getInt32(16, true));
    const base: [number, number] = [header.getUint32(24, true), header.getUint32(28, true)];
    decodePhenotypes(decoded, takePlanes(features.length), features, parents, base);
    return decoded;
}

function impossible(field: string, value: number): PayloadError {
    return new PayloadError(`the header has an invalid ${field}: ${value}`);
}

function checkByte(bytes: Uint8Array, at: number, expected: number): void {
    if (bytes[at] !== expected)
        throw new PayloadError(`byte ${at} is ${bytes[at]} instead of ${expected}`);
}

function checkLength(bytes: Uint8Array, cells: number, expected: number): void {
    if (bytes.length !== expected)
        throw new PayloadError(
            `the header gives ${cells} cells, so the payload must have ${expected} bytes, but it has ${bytes.length}`,
        );
}

/** The number of planes that the header's byte for an axis gives. */
function axisPlanes(axis: string, byte: number): number {
    const planes = byte % DIFFERENCES;
    const fewest = axis === "x" || byte >= DIFFERENCES ? 1 : 0;
    if (planes > 32 || planes < fewest) throw impossible(`byte for the planes of ${axis}`, byte);
    return planes;
}

/** The positions of the bits that are set in two words. */
function bitsOf(low: number, high: number): number[] {
    return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((bit < 32 ? low : high) >>> bit % 32) & 1);
}

function checkParents(parents: Uint8Array, features: number[]): void {
    features.forEach((feature, i) => {
        const parent = parents[i]!;
        if (parent !== NO_PARENT && (parent >= feature || !features.includes(parent)))
            throw new PayloadError(
                `the parent of feature ${feature} is ${parent}, which is not a lower feature with a plane`,
            );
    });
}

/**
 * Write the number of each cell, given its planes: at most 64, lowest bit first.
 * The little-endian bytes of the number go to offset + stride * cell.  An
 * undefined plane is a plane of zeros.
 */
function writeNumbers(
    planes: (Uint8Array | undefined)[],
    cells: number,
    to: Uint8Array,
    offset: number,
    stride: number,
): void {
    const planeSize = Math.ceil(cells / 8);
    const zeros = new Uint8Array(planeSize);
    for (let first = 0; first < planes.length; first += 8, offset++) {
        const eight = Array.from({ length: 8 }, (_, i) => planes[first + i] ?? zeros);
        if (eight.some((plane) => plane !== zeros)) writeBytes(eight, cells, to, offset, stride);
    }
}

/** The same for eight planes: write one byte of each cell. */
function writeBytes(planes: Uint8Array[], cells: number, to: Uint8Array, offset: number, stride: number): void {
    const [p0, p1, p2, p3, p4, p5, p6, p7] = planes as [
        Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
    ];
    for (let at = 0, cell = 0; cell < cells; at++) {
        let low = p0[at]! | (p1[at]! << 8) | (p2[at]! << 16) | (p3[at]! << 24);
        let high = p4[at]! | (p5[at]! << 8) | (p6[at]! << 16) | (p7[at]! << 24);

        // To transpose the square, swap the off-diagonal quarters of ever larger
        // squares (Warren, Hacker's Delight, 7-3): 1, 2, then 4 bits wide.
        let swap = (low ^ (low >>> 7)) & 0x00aa00aa;
        low ^= swap ^ (swap << 7);
        swap = (high ^ (high >>> 7)) & 0x00aa00aa;
        high ^= swap ^ (swap << 7);
        swap = (low ^ (low >>> 14)) & 0x0000cccc;
        low ^= swap ^ (swap << 14);
        swap = (high ^ (high >>> 14)) & 0x0000cccc;
        high ^= swap ^ (swap << 14);
        swap = (low ^ (high << 4)) & 0xf0f0f0f0;
        low ^= swap;
        high ^= swap >>> 4;

        // Now byte i of the square belongs to cell i.
        for (const end = Math.min(cell + 8, cells); cell < end; cell++) {
            to[offset + stride * cell] = low;
            low = (low >>> 8) | (high << 24);
            high >>>= 8;
        }
    }
}

/** Refuse bits after the last cell. */
function checkEnds(planes: Uint8Array[], cells: number): void {
    if (cells % 8 !== 0 && planes.some((plane) => plane[plane.length - 1]! >> cells % 8 !== 0))
        throw new PayloadError("a plane has bits set after the last cell");
}

/** Refuse more planes than the largest number needs. */
function checkTopmost(planes: Uint8Array[], field: string): void {
    if (planes[planes.length - 1]?.every((byte) => byte === 0))
        throw new PayloadError(`the header gives more planes of ${field} than needed: the topmost is all zero`);
}

function decodeIds(planes: Uint8Array[], cells: number, first: number): Uint32Array<ArrayBuffer> {
    checkEnds(planes, cells);
    const ids = new Uint32Array(cells); // at first, the gaps
    writeNumbers(planes, cells, new Uint8Array(ids.buffer), 0, 4);
    if (ids[0] !== 0)
        throw new PayloadError("the first gap of cell_id is not 0");
    checkTopmost(planes, "cell_id");

    let id = first - 1;
    for (let i = 0; i < cells; i++) {
        id += ids[i]! + 1;
        if (id > MAX_ID)
            throw new PayloadError(
                `cell_id of the cell at position ${i} would be ${id}, above the maximum of ${MAX_ID}`,
            );
        ids[i] = id;
    }
    return ids;
}

/** Decode x (axis 0) or y (axis 1) into the cells. */
function decodeAxis(decoded: Cells, axis: 0 | 1, planes: Uint8Array[], differences: boolean, base: number): void {
    // The stored values are unsigned, and phenotypeWords is the unsigned view of all words.
    const { length: cells, phenotypeWords: codes, coordinates } = decoded;
    const name = "xy".charAt(axis);

    checkEnds(planes, cells);
    writeNumbers(planes, cells, decoded.bytes, 4 * axis, CELL);
    if (differences) {
        if (codes[axis] !== 0)
            throw new PayloadError(`the first difference of ${name} is not 0`);
        checkTopmost(planes, name);
        let value = base;
        for (let i = 0, at = axis; i < cells; i++, at += WORDS) {
            const code = codes[at]!;
            value = (value + ((code >>> 1) ^ -(code & 1))) | 0;
            coordinates[at] = value;
        }
    } else {
        if (axis === 1 || planes.length > 1) checkTopmost(planes, name);
        let lowest = MAX_ID;
        for (let i = 0, at = axis; i < cells; i++, at += WORDS) {
            const code = codes[at]!;
            if (code < lowest) lowest = code;
            if (base + code > MAX_COORDINATE)
                throw new PayloadError(
                    `${name} of the cell at position ${i} would be ${base + code}, ` +
                        `above the maximum of ${MAX_COORDINATE}`,
                );
            coordinates[at] = base + code;
        }
        if (lowest !== 0)
            throw new PayloadError(`the base of ${name} in the header is not the minimum of the cells`);
    }
}

/** Decode the phenotypes into the cells. */
function decodePhenotypes(
    decoded: Cells,
    stored: Uint8Array[],
    features: number[],
    parents: Uint8Array,
    [baseLow, baseHigh]: [number, number],
): void {
    const { length: cells, phenotypeWords } = decoded;
    const planes = new Array<Uint8Array | undefined>(64).fill(undefined);

    checkEnds(stored, cells);
    features.forEach((feature, i) => {
        const parent = planes[parents[i]!]; // undefined at NO_PARENT
        const plane = parent ? stored[i]!.map((byte, at) => byte ^ parent[at]!) : stored[i]!;
        if (allAgree(plane, cells))
            throw new PayloadError(`feature ${feature} has a plane, although all cells have the same bit`);
        planes[feature] = plane;
    });
    writeNumbers(planes, cells, decoded.bytes, 8, CELL);

    // The bit of a feature without a plane is that of the base phenotypes.
    for (let at = 2; at < WORDS * cells; at += WORDS) {
        phenotypeWords[at]! ^= baseLow;
        phenotypeWords[at + 1]! ^= baseHigh;
    }
}

/** Whether all cells have the same bit in a plane. */
function allAgree(plane: Uint8Array, cells: number): boolean {
    const first = plane[0]! & 1 ? 0xff : 0;
    const last = plane.length - 1;
    const inLast = 0xff >> (7 - ((cells - 1) % 8));
    return plane[last] === (first & inLast) && plane.every((byte, at) => byte === first || at === last);
}
