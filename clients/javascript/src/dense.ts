/*
 * Layout dense: columns of bits.
 *
 * A plane is one bit of every cell, ceil(cells / 8) bytes.  Planes are made
 * numbers eight planes and eight cells at a time: a square of 8 x 8 bits, in
 * two words of 32.
 */
import { Cells, CELL, WORDS } from "./cells.js";
import { PayloadError } from "./errors.js";
import { checkNumber } from "./limit.js";

const HEADER = 40;
const MAGIC = [0x43, 0x42, 0x44, 1]; // CBD, version 1
const MOST_CELLS = 2 ** 26 - 1;
const DIFFERENCES = 128; // flag beside an axis' number of planes
const NO_PARENT = 255;
const LARGEST_ID = 2 ** 32 - 1;
const LARGEST_COORDINATE = 2 ** 31 - 1;

export function decodeDense(bytes: Uint8Array, maxCells: number): Cells {
    if (bytes.length < HEADER)
        throw new PayloadError(`a header takes ${HEADER} bytes, but the payload has ${bytes.length}`);
    const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
    MAGIC.forEach((byte, at) => checkByte(bytes, at, byte));
    const cells = header.getUint32(4, true);
    if (cells > MOST_CELLS) throw impossible("number of cells", cells);
    if (cells === 0) {
        for (let at = 8; at < HEADER; at++) checkByte(bytes, at, 0);
        checkLength(bytes, cells, HEADER);
        return new Cells(new Int32Array(0), new Uint32Array(0));
    }

    const gapPlanes = bytes[20]!;
    if (gapPlanes > 32) throw impossible("planes of cell_id", gapPlanes);
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
    decodeMasks(decoded, takePlanes(features.length), features, parents, base);
    return decoded;
}

function impossible(field: string, value: number): PayloadError {
    return new PayloadError(`the header gives ${value} as ${field}, which is not possible`);
}

function checkByte(bytes: Uint8Array, at: number, expected: number): void {
    if (bytes[at] !== expected)
        throw new PayloadError(`byte ${at} is ${bytes[at]}, where the layout has ${expected}`);
}

function checkLength(bytes: Uint8Array, cells: number, expected: number): void {
    if (bytes.length !== expected)
        throw new PayloadError(
            `the header gives ${cells} cells, which take ${expected} bytes, ` +
                `but the payload has ${bytes.length}`,
        );
}

/** The number of planes in the header's byte for an axis. */
function axisPlanes(axis: string, byte: number): number {
    const planes = byte % DIFFERENCES;
    const fewest = axis === "x" || byte >= DIFFERENCES ? 1 : 0;
    if (planes > 32 || planes < fewest) throw impossible(`planes of ${axis}`, byte);
    return planes;
}

/** The positions of the bits that are set in 64, given as two words. */
function bitsOf(low: number, high: number): number[] {
    return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((bit < 32 ? low : high) >>> bit % 32) & 1);
}

function checkParents(parents: Uint8Array, features: number[]): void {
    features.forEach((feature, i) => {
        const parent = parents[i]!;
        if (parent !== NO_PARENT && (parent >= feature || !features.includes(parent)))
            throw new PayloadError(
                `feature ${feature} has the parent ${parent}, which is not a lower feature with a plane`,
            );
    });
}

/**
 * For each cell write the number of which these are the planes, lowest bit
 * first and at most 64: its little-endian bytes, at offset + stride * cell.
 * A plane that is undefined is zeros.
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

/** The same for eight planes, and so one byte of each cell. */
function writeBytes(planes: Uint8Array[], cells: number, to: Uint8Array, offset: number, stride: number): void {
    const [p0, p1, p2, p3, p4, p5, p6, p7] = planes as [
        Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
    ];
    for (let at = 0, cell = 0; cell < cells; at++) {
        let low = p0[at]! | (p1[at]! << 8) | (p2[at]! << 16) | (p3[at]! << 24);
        let high = p4[at]! | (p5[at]! << 8) | (p6[at]! << 16) | (p7[at]! << 24);

        // Transpose the square by swapping the off-diagonal quarters of ever
        // larger ones (Warren, Hacker's Delight, 7-3): 1, 2, then 4 bits wide.
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

        // Now byte i of the square is that of cell i.
        for (const end = Math.min(cell + 8, cells); cell < end; cell++) {
            to[offset + stride * cell] = low;
            low = (low >>> 8) | (high << 24);
            high >>>= 8;
        }
    }
}

/** Refuse bits behind the last cell. */
function checkEnds(planes: Uint8Array[], cells: number): void {
    if (cells % 8 !== 0 && planes.some((plane) => plane[plane.length - 1]! >> cells % 8 !== 0))
        throw new PayloadError("there are bits after those of the last cell");
}

/** Refuse more planes than the largest number needs. */
function checkTopmost(planes: Uint8Array[], field: string): void {
    if (planes[planes.length - 1]?.every((byte) => byte === 0))
        throw new PayloadError(`the cells don't need the header's ${field}: the topmost is all zero`);
}

function decodeIds(planes: Uint8Array[], cells: number, first: number): Uint32Array<ArrayBuffer> {
    checkEnds(planes, cells);
    const ids = new Uint32Array(cells); // at first, the gaps
    writeNumbers(planes, cells, new Uint8Array(ids.buffer), 0, 4);
    if (ids[0] !== 0)
        throw new PayloadError("the first cell has a gap of cell_id, although no cell comes before it");
    checkTopmost(planes, "planes of cell_id");

    let id = first - 1;
    for (let i = 0; i < cells; i++) {
        id += ids[i]! + 1;
        if (id > LARGEST_ID)
            throw new PayloadError(`the cell at position ${i} would have cell_id ${id}, over ${LARGEST_ID}`);
        ids[i] = id;
    }
    return ids;
}

/** Decode x (axis 0) or y (axis 1) into the cells. */
function decodeAxis(decoded: Cells, axis: 0 | 1, planes: Uint8Array[], differences: boolean, base: number): void {
    const { length: cells, masks: codes, coordinates } = decoded;
    const name = "xy"[axis];

    checkEnds(planes, cells);
    writeNumbers(planes, cells, decoded.bytes, 4 * axis, CELL);
    if (differences) {
        if (codes[axis] !== 0)
            throw new PayloadError(`the first cell has a difference of ${name}, although no cell comes before it`);
        checkTopmost(planes, `planes of ${name}`);
        let value = base;
        for (let i = 0, at = axis; i < cells; i++, at += WORDS) {
            const code = codes[at]!;
            value = (value + ((code >>> 1) ^ -(code & 1))) | 0;
            coordinates[at] = value;
        }
    } else {
        if (axis === 1 || planes.length > 1) checkTopmost(planes, `planes of ${name}`);
        let lowest = LARGEST_ID;
        for (let i = 0, at = axis; i < cells; i++, at += WORDS) {
            const code = codes[at]!;
            if (code < lowest) lowest = code;
            if (base + code > LARGEST_COORDINATE)
                throw new PayloadError(
                    `the cell at position ${i} would have the ${name} coordinate ${base + code}, ` +
                        `which is over ${LARGEST_COORDINATE}`,
                );
            coordinates[at] = base + code;
        }
        if (lowest !== 0)
            throw new PayloadError(`the cells don't need the header's base of ${name}: none is at it`);
    }
}

/** Decode the masks into the cells. */
function decodeMasks(
    decoded: Cells,
    stored: Uint8Array[],
    features: number[],
    parents: Uint8Array,
    [baseLow, baseHigh]: [number, number],
): void {
    const { length: cells, masks } = decoded;
    const planes = new Array<Uint8Array | undefined>(64).fill(undefined);

    checkEnds(stored, cells);
    features.forEach((feature, i) => {
        const parent = planes[parents[i]!]; // there is none at NO_PARENT
        const plane = parent ? stored[i]!.map((byte, at) => byte ^ parent[at]!) : stored[i]!;
        if (allAgree(plane, cells))
            throw new PayloadError(`the cells don't need the header's features: all agree in feature ${feature}`);
        planes[feature] = plane;
    });
    writeNumbers(planes, cells, decoded.bytes, 8, CELL);

    // A feature without a plane has the bit of the base.
    for (let at = 2; at < WORDS * cells; at += WORDS) {
        masks[at]! ^= baseLow;
        masks[at + 1]! ^= baseHigh;
    }
}

/** Whether all cells have the same bit in a plane. */
function allAgree(plane: Uint8Array, cells: number): boolean {
    const first = plane[0]! & 1 ? 0xff : 0;
    const last = plane.length - 1;
    const inLast = 0xff >> (7 - ((cells - 1) % 8));
    return plane[last] === (first & inLast) && plane.every((byte, at) => byte === first || at === last);
}
