// What decode takes and gives; errors and their texts; hostile bytes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tableFromArrays, tableFromIPC } from "apache-arrow";
import { Cells, decode, fromArrow, PayloadError } from "cell-binary";
import { named, randomNumbers, rows, vectors } from "./vectors.js";

const layouts = ["compact", "spt", "dense"];
const example = (layout) => named(`${layout}: the example of format.md`);

// ---- what it gives ----

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
        for (const view of [cells.coordinates, cells.masks, cells.bytes]) {
            assert.equal(view.buffer, cells.bytes.buffer);
            assert.equal(view.byteOffset, cells.bytes.byteOffset);
            assert.equal(view.byteLength, 16 * 65);
        }
        assert.equal(cells.masks.constructor, Uint32Array);
        for (const i of [0, 7, 64]) {
            assert.equal(cells.coordinates[4 * i], cells.x(i));
            assert.equal(cells.coordinates[4 * i + 1], cells.y(i));
            assert.equal((BigInt(cells.masks[4 * i + 3]) << 32n) + BigInt(cells.masks[4 * i + 2]), cells.phenotypes(i));
        }
        // these cells are not shifted in layout spt: the same bytes
        assert.deepEqual(cells.bytes, decode(named("compact: 65 cells")).bytes);
        if (layout === "compact") assert.equal(cells.ids, null);
        else assert.equal(cells.ids.length, 65);
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

test("part of a buffer: copied only if it begins at no multiple of four", () => {
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
        assert.equal(cells.ids === null, layout === "compact");
    }
});

test("positions of cells that are not there", () => {
    const cells = decode(example("compact"));
    for (const i of [-1, 2, 0.5, NaN, "0"])
        for (const method of ["x", "y", "phenotypes"])
            assert.throws(() => cells[method](i), { name: "RangeError", message: `no cell ${i}: there are 2` });
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
        message: 'layout "arrow" is read by apache-arrow: fromArrow(tableFromIPC(bytes))',
    });
});

test("what are no bytes", () => {
    for (const payload of ["text", 4, null, undefined, [1, 2, 3, 4], {}])
        assert.throws(() => decode(payload), {
            name: "TypeError",
            message: "payload is neither an ArrayBuffer nor a Uint8Array",
        });
});

function edited(layout, at, ...bytes) {
    const payload = example(layout);
    payload.set(bytes, at);
    return payload;
}

// Of the two cells of format.md's example.
const texts = [
    ["compact", new Uint8Array(2), "a header takes 4 bytes, but the payload has 2"],
    ["compact", edited("compact", 0, 3), "the header gives 3 cells, which take 52 bytes, but the payload has 36"],
    ["spt", edited("spt", 40, 0, 0, 0, 3), "the cell at position 1 has cell_id 3, which does not come after 3"],
    ["spt", edited("spt", 11, 16), "the header gives 16 as maximum x, but the cells have 15"],
    ["dense", example("dense").slice(0, 39), "a header takes 40 bytes, but the payload has 39"],
    ["dense", edited("dense", 0, 99), "byte 0 is 99, where the layout has 67"],
    ["dense", edited("dense", 7, 4), "the header gives 67108866 as number of cells, which is not possible"],
    ["dense", edited("dense", 20, 33), "the header gives 33 as planes of cell_id, which is not possible"],
    ["dense", edited("dense", 21, 0), "the header gives 0 as planes of x, which is not possible"],
    ["dense", edited("dense", 22, 128), "the header gives 128 as planes of y, which is not possible"],
    ["dense", edited("dense", 4, 9), "the header gives 9 cells, which take 78 bytes, but the payload has 60"],
    ["dense", edited("dense", 41, 3), "feature 63 has the parent 3, which is not a lower feature with a plane"],
    ["dense", edited("dense", 59, 4), "there are bits after those of the last cell"],
    ["dense", edited("dense", 42, 3), "the first cell has a gap of cell_id, although no cell comes before it"],
    ["dense", edited("dense", 43, 0), "the cells don't need the header's planes of cell_id: the topmost is all zero"],
    ["dense", edited("dense", 8, 252, 255, 255, 255), "the cell at position 1 would have cell_id 4294967296, over 4294967295"],
    ["dense", edited("dense", 48, 1), "the first cell has a difference of y, although no cell comes before it"],
    ["dense", edited("dense", 47, 0), "the cells don't need the header's planes of x: the topmost is all zero"],
    ["dense", edited("dense", 45, 3), "the cells don't need the header's base of x: none is at it"],
    ["dense", edited("dense", 12, 255, 255, 255, 127), "the cell at position 0 would have the x coordinate 2147483661, which is over 2147483647"],
    ["dense", edited("dense", 58, 0), "the cells don't need the header's features: all agree in feature 2"],
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
        [tableFromArrays({ ...columns, x: Float64Array.of(1, 2) }), 'column "x" of the Arrow table is Float64, not Int32'],
        [tableFromArrays({ ...columns, phenotypes: BigInt64Array.of(1n, 2n) }), 'column "phenotypes" of the Arrow table is Int64, not Uint64'],
        [nulls, 'column "cell_id" of the Arrow table has 1 nulls'],
        [short, 'column "cell_id" of the Arrow table has 2 values in 3 rows'],
        [long, 'column "cell_id" of the Arrow table has 1099511627776 values in 2 rows'],
        [lists, 'column "cell_id" of the Arrow table is List<Int32>, not Uint32'],
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

/** Either cells that are within the layout's rules, or PayloadError. */
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
    if (cells.ids !== null) {
        assert.equal(cells.ids.length, cells.length);
        assert.ok(cells.ids.every((id, i) => i === 0 || id > cells.ids[i - 1]));
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
        if (fault === undefined) continue;
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
