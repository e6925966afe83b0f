// Arguments and results of decode; errors and their texts; hostile bytes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tableFromArrays, tableFromIPC } from "apache-arrow";
import { Cells, decode, fromArrow, PayloadError } from "cell-binary";
import { named, randomNumbers, rows, vectors } from "./vectors.js";

const layouts = ["compact", "spt", "dense"];
const example = (layout) => named(`${layout}: the example of format.md`);

// ---- results ----

test("layout compact is the default", () => {
    assert.deepEqual(rows(decode(example("compact"))), rows(decode(example("compact"), "compact")));
});

test("cells are interleaved words, in all layouts", () => {
    const tables = { ...Object.fromEntries(layouts.map((layout) => [layout, decode(named(`${layout}: 65 cells`), layout)])) };
    tables.arrow = fromArrow(tableFromIPC(named("arrow: 65 cells")));
    for (const [layout, cells] of Object.entries(tables)) {
        assert.ok(cells instanceof Cells);
        assert.equal(cells.length, 65);
        assert.equal(cells.coordinates.constructor, layout === "spt" ? Uint32Array : Int32Array);
        for (const view of [cells.coordinates, cells.phenotypeWords, cells.bytes]) {
            assert.equal(view.buffer, cells.bytes.buffer);
            assert.equal(view.byteOffset, cells.bytes.byteOffset);
            assert.equal(view.byteLength, 16 * 65);
        }
        assert.equal(cells.phenotypeWords.constructor, Uint32Array);
        for (const i of [0, 7, 64]) {
            assert.equal(cells.coordinates[4 * i], cells.x(i));
            assert.equal(cells.coordinates[4 * i + 1], cells.y(i));
            assert.equal((BigInt(cells.phenotypeWords[4 * i + 3]) << 32n) + BigInt(cells.phenotypeWords[4 * i + 2]), cells.phenotypes(i));
        }
        // Layout spt does not shift these cells, so the bytes are the same.
        assert.deepEqual(cells.bytes, decode(named("compact: 65 cells")).bytes);
        if (layout === "compact") assert.equal(cells.cellIds, null);
        else assert.equal(cells.cellIds.length, 65);
    }
});

test("layout compact is not copied", () => {
    const payload = example("compact");
    for (const given of [payload, payload.buffer]) {
        const cells = decode(given);
        assert.equal(cells.bytes.buffer, payload.buffer);
        assert.equal(cells.bytes.byteOffset, 4);
    }
    const cells = decode(payload);
    payload[4] = 11;
    payload[19] |= 0x80;
    assert.equal(cells.x(0), 11);
    assert.equal(cells.phenotypes(0), 0x8000000000000005n);
    cells.coordinates[5] = 301;
    assert.equal(payload[24], 301 % 256);
});

test("part of a buffer: copied only if its offset is not a multiple of four", () => {
    for (let offset = 0; offset < 9; offset++)
        for (const layout of layouts) {
            const payload = example(layout);
            const buffer = new ArrayBuffer(payload.length + 20);
            const part = new Uint8Array(buffer, offset, payload.length);
            part.set(payload);
            const cells = decode(part, layout);
            assert.deepEqual(rows(cells), rows(decode(payload, layout)));
            if (layout === "compact") assert.equal(cells.bytes.buffer === buffer, offset % 4 === 0);
        }
});

test("a Buffer, and shared memory", () => {
    const payload = example("compact");
    const shared = new SharedArrayBuffer(payload.length);
    new Uint8Array(shared).set(payload);
    for (const given of [Buffer.from(payload), shared, new Uint8Array(shared)])
        assert.deepEqual(rows(decode(given)), rows(decode(payload)));
    assert.equal(decode(shared).bytes.buffer, shared);
});

test("no cells", () => {
    for (const layout of layouts) {
        const cells = decode(named(`${layout}: 0 cells`), layout);
        assert.equal(cells.length, 0);
        assert.equal(cells.bytes.length, 0);
        assert.equal(cells.cellIds === null, layout === "compact");
    }
});

test("positions that are not those of cells", () => {
    const cells = decode(example("compact"));
    for (const i of [-1, 2, 0.5, NaN, "0"])
        for (const method of ["x", "y", "phenotypes"])
            assert.throws(() => cells[method](i), { name: "RangeError", message: `there is no cell ${i}: the number of cells is 2` });
});

test("the version is the extension's", () => {
    const control = readFileSync(new URL("../../../cell_binary.control", import.meta.url), "utf8");
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    assert.equal(version, /default_version = '(.*)'/.exec(control)[1]);
});

// ---- errors ----

test("layouts that decode does not read", () => {
    assert.throws(() => decode(example("compact"), "dence"), {
        name: "RangeError",
        message: 'unknown layout "dence"; the layouts are compact, spt, dense',
    });
    assert.throws(() => decode(named("arrow: 1 cells"), "arrow"), {
        name: "RangeError",
        message: 'layout "arrow" is read with apache-arrow: fromArrow(tableFromIPC(bytes))',
    });
    assert.throws(() => decode(named("intensity: 1 cells"), "intensity"), {
        name: "RangeError",
        message: '"intensity" is decoded with decodeIntensities(payload, channels)',
    });
    assert.throws(() => decode(new Uint8Array(), "subsample"), {
        name: "RangeError",
        message: '"subsample" is decoded with decodeSubsample(payload)',
    });
});

test("arguments that are not bytes", () => {
    for (const payload of ["text", 4, null, undefined, [1, 2, 3, 4], {}])
        assert.throws(() => decode(payload), {
            name: "TypeError",
            message: "the payload is neither an ArrayBuffer nor a Uint8Array",
        });
});

function edited(layout, at, ...bytes) {
    const payload = example(layout);
    payload.set(bytes, at);
    return payload;
}

// The payloads are edited from the two cells of the example in format.md.
const texts = [
    ["compact", new Uint8Array(2), "the header takes 4 bytes, but the payload has only 2"],
    ["compact", edited("compact", 0, 3), "the header gives 3 cells, so the payload must have 52 bytes, but it has 36"],
    ["spt", edited("spt", 40, 0, 0, 0, 3), "the cell at position 1 has cell_id 3, which is not above the previous cell_id 3"],
    ["spt", edited("spt", 11, 16), "the maximum x is 16 in the header, but 15 in the cells"],
    ["dense", example("dense").slice(0, 39), "the header takes 40 bytes, but the payload has only 39"],
    ["dense", edited("dense", 0, 99), "byte 0 is 99 instead of 67"],
    ["dense", edited("dense", 7, 4), "the header has an invalid number of cells: 67108866"],
    ["dense", edited("dense", 20, 33), "the header has an invalid number of planes of cell_id: 33"],
    ["dense", edited("dense", 21, 0), "the header has an invalid byte for the planes of x: 0"],
    ["dense", edited("dense", 22, 128), "the header has an invalid byte for the planes of y: 128"],
    ["dense", edited("dense", 4, 9), "the header gives 9 cells, so the payload must have 78 bytes, but it has 60"],
    ["dense", edited("dense", 41, 3), "the parent of feature 63 is 3, which is not a lower feature with a plane"],
    ["dense", edited("dense", 59, 4), "a plane has bits set after the last cell"],
    ["dense", edited("dense", 42, 3), "the first gap of cell_id is not 0"],
    ["dense", edited("dense", 43, 0), "the header gives more planes of cell_id than needed: the topmost is all zero"],
    ["dense", edited("dense", 8, 252, 255, 255, 255), "cell_id of the cell at position 1 would be 4294967296, above the maximum of 4294967295"],
    ["dense", edited("dense", 48, 1), "the first difference of y is not 0"],
    ["dense", edited("dense", 47, 0), "the header gives more planes of x than needed: the topmost is all zero"],
    ["dense", edited("dense", 45, 3), "the base of x in the header is not the minimum of the cells"],
    ["dense", edited("dense", 12, 255, 255, 255, 127), "x of the cell at position 0 would be 2147483661, above the maximum of 2147483647"],
    ["dense", edited("dense", 58, 0), "feature 2 has a plane, although all cells have the same bit"],
];

for (const [layout, payload, message] of texts)
    test(`${layout}: ${message}`, () => {
        assert.throws(() => decode(payload, layout), { name: "PayloadError", message });
        assert.throws(() => decode(payload, layout), Error);
    });

// ---- layout arrow ----

test("Arrow tables that are not cells", () => {
    const columns = {
        cell_id: Uint32Array.of(3, 7),
        x: Int32Array.of(10, -4),
        y: Int32Array.of(20, 300),
        phenotypes: BigUint64Array.of(5n, 0x8000000000000001n),
    };
    assert.deepEqual(rows(fromArrow(tableFromArrays(columns))), rows(decode(example("dense"), "dense")));
    const { x, ...withoutX } = columns;
    const column = { length: 2, type: "Uint32", nullCount: 0, toArray: () => columns.cell_id };
    const nulls = { numRows: 2, getChild: () => ({ ...column, nullCount: 1 }) };
    const short = { numRows: 3, getChild: () => ({ ...column, length: 3 }) };
    const toArray = () => assert.fail("read before it is checked");
    const long = { numRows: 2, getChild: () => ({ ...column, length: 2 ** 40, toArray }) };
    const lists = { numRows: 2, getChild: () => ({ ...column, type: "List<Int32>", toArray }) };
    for (const [table, message] of [
        [tableFromArrays(withoutX), 'the Arrow table has no column "x"'],
        [tableFromArrays({ ...columns, x: Float64Array.of(1, 2) }), 'column "x" of the Arrow table has type Float64, not Int32'],
        [tableFromArrays({ ...columns, phenotypes: BigInt64Array.of(1n, 2n) }), 'column "phenotypes" of the Arrow table has type Int64, not Uint64'],
        [nulls, 'column "cell_id" of the Arrow table must not have nulls, but has 1'],
        [short, 'column "cell_id" of the Arrow table has 2 values in 3 rows'],
        [long, 'column "cell_id" of the Arrow table has 1099511627776 values in 2 rows'],
        [lists, 'column "cell_id" of the Arrow table has type List<Int32>, not Uint32'],
    ])
        assert.throws(() => fromArrow(table), { name: "PayloadError", message });
});

test("an Arrow table of several batches", () => {
    const table = tableFromIPC(named("arrow: 65 cells"));
    const joined = table.slice(0, 10).concat(table.slice(10));
    assert.equal(joined.batches.length, 2);
    assert.deepEqual(rows(fromArrow(joined)), rows(fromArrow(table)));
    assert.deepEqual(rows(fromArrow(table.slice(3, 9))), rows(fromArrow(table)).slice(3, 9));
});

// ---- memory ----

test("maxCells", () => {
    const readers = Object.fromEntries(
        layouts.map((layout) => [layout, (cells, options) => decode(named(`${layout}: ${cells} cells`), layout, options)]),
    );
    readers.arrow = (cells, options) => fromArrow(tableFromIPC(named(`arrow: ${cells} cells`)), options);
    for (const read of Object.values(readers)) {
        for (const maxCells of [9, 10, Infinity, undefined]) assert.equal(read(9, { maxCells }).length, 9);
        for (const maxCells of [8, 0, NaN, null])
            assert.throws(() => read(9, { maxCells }), {
                name: "PayloadError",
                message:
                    `the payload has 9 cells, more than the limit of ${maxCells}: ` +
                    "to decode it, pass a larger maxCells, or Infinity for no limit",
            });
        assert.equal(read(0, { maxCells: 0 }).length, 0);
    }
});

test("few bytes do not become many cells", () => {
    const cells = 2 ** 26 - 1;
    const payload = new Uint8Array(40 + Math.ceil(cells / 8)); // x of each cell: one bit, 0
    payload.set([67, 66, 68, 1, 255, 255, 255, 3]);
    payload[21] = 1;
    const taken = () => process.memoryUsage().arrayBuffers;
    const before = taken();
    const refused = { name: "PayloadError", message: /^the payload has 67108863 cells, more than the limit of 16777216: / };
    assert.throws(() => decode(payload, "dense"), refused);
    assert.ok(taken() - before < 100_000);
    const none = () => assert.fail("read before it is checked");
    assert.throws(() => fromArrow({ numRows: cells, getChild: none }), refused);
});

// ---- hostile bytes ----

/** Check that decoding gives cells within the rules of the layout, or throws PayloadError. */
function checkHostile(payload, layout) {
    let cells;
    try {
        cells = decode(payload, layout);
    } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        return false;
    }
    assert.ok(cells.length <= 8 * payload.length);
    assert.equal(cells.bytes.length, 16 * cells.length);
    if (cells.cellIds !== null) {
        assert.equal(cells.cellIds.length, cells.length);
        assert.ok(cells.cellIds.every((id, i) => i === 0 || id > cells.cellIds[i - 1]));
    }
    return true;
}

function mutated(payload, random) {
    let edit = payload.slice();
    for (let edits = 1 + (random() % 3); edits > 0; edits--) {
        const kind = random() % 6;
        if (kind === 0) edit = edit.slice(0, random() % (edit.length + 1));
        else if (kind === 1) {
            const more = Uint8Array.from({ length: random() % 24 }, random);
            edit = new Uint8Array([...edit, ...more]);
        } else if (kind === 2 && edit.length >= 8)
            new DataView(edit.buffer).setUint32(4 * (random() % 2), [0, 1, 2 ** 26 - 1, 2 ** 28, 2 ** 32 - 1][random() % 5], true);
        else if (edit.length > 0) edit[random() % (kind < 5 ? edit.length : Math.min(edit.length, 48))] ^= 1 << random() % 8;
    }
    return edit;
}

test("a header alone takes no memory", () => {
    const taken = () => process.memoryUsage().arrayBuffers;
    for (const { payload, layout, fault } of vectors) {
        if (fault === undefined || !layouts.includes(layout)) continue;
        const before = taken();
        assert.throws(() => decode(payload, layout), PayloadError);
        assert.ok(taken() - before < 100_000);
    }
});

for (const layout of layouts) {
    test(`${layout}: mutated payloads`, () => {
        const random = randomNumbers(1);
        const small = vectors.filter((v) => v.layout === layout && "cells" in v && v.payload.length < 2000);
        let accepted = 0;
        for (let i = 0; i < 4000; i++)
            if (checkHostile(mutated(small[random() % small.length].payload, random), layout)) accepted++;
        assert.ok(accepted > 100 && accepted < 3900);
    });

    test(`${layout}: random bytes`, () => {
        const random = randomNumbers(2);
        for (let i = 0; i < 2000; i++) {
            const payload = Uint8Array.from({ length: random() % 120 }, random);
            checkHostile(payload, layout);
            checkHostile(new Uint8Array([67, 66, 68, 1, random() % 20, 0, 0, 0, ...payload]), layout);
        }
    });

    test(`${layout}: payloads of other layouts`, () => {
        for (const { payload } of vectors) checkHostile(payload, layout);
    });
}
