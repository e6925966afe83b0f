// Filters, compared with a loop over bigints.
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, decode, matching, nearest } from "cell-binary";
import { named, randomNumbers, vectors } from "./vectors.js";

const valid = vectors.filter((vector) => ["compact", "spt", "dense"].includes(vector.layout) && "cells" in vector);
const example = () => decode(named("dense: the example of format.md"), "dense");

test("matching and count", () => {
    const random = randomNumbers(3);
    const random64 = () => (BigInt(random()) << 32n) | BigInt(random());
    for (const { payload, layout } of valid) {
        const cells = decode(payload, layout);
        const phenotypes = Array.from({ length: cells.length }, (_, i) => cells.phenotypes(i));
        for (let i = 0; i < 10; i++) {
            const allOf = (phenotypes[random() % (phenotypes.length + 1)] ?? 0n) & random64();
            const noneOf = random64() & random64() & random64();
            const expected = [...phenotypes.keys()].filter((at) => (phenotypes[at] & allOf) === allOf && !(phenotypes[at] & noneOf));
            const found = matching(cells, { allOf, noneOf });
            assert.equal(found.constructor, Uint32Array);
            assert.deepEqual([...found], expected);
            assert.equal(count(cells, { allOf, noneOf }), expected.length);
        }
    }
});

test("rules without features, and rules that no cell can match", () => {
    assert.deepEqual([...matching(example(), {})], [0, 1]);
    assert.equal(count(example(), {}), 2);
    assert.deepEqual([...matching(example(), { allOf: 1n, noneOf: 1n })], []);
    assert.equal(count(example(), { allOf: 1n, noneOf: 1n }), 0);
});

test("phenotypes of SQL", () => {
    assert.deepEqual([...matching(example(), { allOf: -(2n ** 63n) })], [1]);
    assert.equal(count(example(), { allOf: 2n ** 63n }), 1);
    assert.equal(count(example(), { noneOf: -1n }), 0);
});

test("phenotypes that do not fit", () => {
    for (const phenotypes of [2n ** 64n, -(2n ** 63n) - 1n])
        for (const find of [matching, count]) {
            const message = `phenotypes ${phenotypes} do not fit in 64 bits`;
            assert.throws(() => find(example(), { allOf: phenotypes }), { name: "RangeError", message });
            assert.throws(() => find(example(), { noneOf: phenotypes }), { name: "RangeError", message });
        }
    assert.throws(() => count(example(), { allOf: 5 }), { name: "TypeError", message: "phenotypes 5 are not a bigint" });
});

test("nearest", () => {
    const random = randomNumbers(4);
    for (const { payload, layout } of valid) {
        const cells = decode(payload, layout);
        const every = Array.from({ length: cells.length }, (_, i) => i);
        for (let i = 0; i < 5; i++) {
            const x = (random() % 9000) / 2;
            const y = (random() % 9000) / 2;
            const radius = random() % 3000;
            const accept = i % 2 ? (cell) => (cell * 7) % 3 === 0 : undefined;
            const distance = (cell) => (cells.x(cell) - x) ** 2 + (cells.y(cell) - y) ** 2;
            const [expected = -1] = every
                .filter((cell) => distance(cell) <= radius ** 2 && (accept?.(cell) ?? true))
                .sort((a, b) => distance(a) - distance(b) || a - b);
            assert.equal(nearest(cells, x, y, radius, accept), expected);
        }
    }
});

test("nearest: at the radius, and at equal distances", () => {
    const cells = example(); // at 10, 20 and -4, 300
    assert.equal(nearest(cells, 13, 24, 5), 0);
    assert.equal(nearest(cells, 13, 24, 4.999), -1);
    assert.equal(nearest(cells, 3, 160, Infinity), 0);
    assert.equal(nearest(cells, 3, 160, Infinity, (cell) => cell === 1), 1);
    assert.equal(nearest(cells, 10, 20, 0), 0);
    assert.equal(nearest(cells, 10, 20, -1), -1);
    assert.equal(nearest(cells, NaN, 20, 100), -1);
    assert.equal(nearest(cells, 10, 20, NaN), -1);
    assert.equal(nearest(decode(new Uint8Array(4)), 0, 0, Infinity), -1);
});

test("nearest calls accept only for cells that can be the result", () => {
    const asked = [];
    nearest(example(), 10, 20, 1000, (cell) => asked.push(cell) > 0);
    assert.deepEqual(asked, [0]);
});

test("arguments that are not rules", () => {
    for (const rule of [undefined, null, 1n, { all_of: 1n }])
        for (const filter of [count, matching]) assert.throws(() => filter(example(), rule), TypeError);
});
