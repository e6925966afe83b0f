// Layout intensity: payloads made by hand and of random cells, the numbers of codes, and errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeValue, decodeIntensities, Intensities, PayloadError } from "cell-binary";
import { fromHex, intensityRows, named, randomNumbers, vectors } from "./vectors.js";

// Cells 3 and 7 with two channels: the example of intensities in format.md.
const example = () => fromHex("0000000338ff00000007df00");

function written(cells) {
    return Uint8Array.from(cells.flatMap(([id, codes]) => [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255, ...codes]));
}

// ---- results ----

test("the example of format.md", () => {
    const intensities = decodeIntensities(example(), 2);
    assert.ok(intensities instanceof Intensities);
    assert.equal(intensities.length, 2);
    assert.equal(intensities.channels, 2);
    assert.deepEqual(intensities.cellIds, Uint32Array.of(3, 7));
    assert.deepEqual(intensities.codes, Uint8Array.of(0x38, 0xff, 0xdf, 0));
    assert.deepEqual(intensities.channel(0), Float32Array.of(codeValue(0x38), codeValue(0xdf)));
    assert.deepEqual(intensities.channel(1), Float32Array.of(1, 0));
    assert.equal(codeValue(0x38).toFixed(5), "0.00996");
});

test("random cells", () => {
    const random = randomNumbers(1);
    for (const channels of [1, 2, 7, 63, 64])
        for (const cells of [0, 1, 2, 100]) {
            const ids = Uint32Array.from({ length: cells }, random).sort();
            if (cells > 1) ids.set([0], 0), ids.set([2 ** 32 - 1], cells - 1);
            const expected = Array.from(ids, (id) => [id, Array.from({ length: channels }, () => random() % 256)]);
            const intensities = decodeIntensities(written(expected), channels);
            assert.deepEqual(intensityRows(intensities), expected);
            for (let k = 0; k < channels; k++)
                assert.deepEqual(intensities.channel(k), Float32Array.from(expected, ([, codes]) => codeValue(codes[k])));
        }
});

test("an empty payload", () => {
    for (const channels of [1, 8, 64]) {
        const intensities = decodeIntensities(new Uint8Array(), channels, { maxCells: 0 });
        assert.equal(intensities.length, 0);
        assert.equal(intensities.channels, channels);
        assert.equal(intensities.channel(channels - 1).length, 0);
    }
});

test("any bytes, which are copied", () => {
    const payload = example();
    const shared = new SharedArrayBuffer(payload.length);
    new Uint8Array(shared).set(payload);
    const part = Uint8Array.of(0, ...payload, 0).subarray(1, payload.length + 1);
    for (const given of [payload, payload.buffer, Buffer.from(payload), shared, new Uint8Array(shared), part]) {
        const intensities = decodeIntensities(given, 2);
        assert.deepEqual(intensityRows(intensities), [[3, [0x38, 0xff]], [7, [0xdf, 0]]]);
        assert.ok(intensities.codes.buffer instanceof ArrayBuffer);
        assert.equal(intensities.codes.byteLength + intensities.cellIds.byteLength, payload.length);
    }
    const intensities = decodeIntensities(payload, 2);
    payload.fill(0);
    assert.equal(intensities.codes[0], 0x38);
    for (const given of ["text", 4, null, undefined, [0, 0, 0, 1, 5], {}])
        assert.throws(() => decodeIntensities(given, 1), { name: "TypeError", message: "the payload is neither an ArrayBuffer nor a Uint8Array" });
});

// ---- the numbers of codes ----

test("all codes: the formula of format.md, and the steps of src/smprofiler/minifloat.h", () => {
    for (let code = 0; code < 256; code++) {
        assert.equal(codeValue(code), (1 / 251) * (((code & 31) / 32 + 1) * 2 ** (code >> 5) - 1));
        const [shifted] = new Float64Array(BigUint64Array.of(BigInt((1023 << 5) + code) << 47n).buffer);
        assert.equal(codeValue(code), (shifted - 1) * (1 / 251));
        assert.ok(code === 0 || Math.fround(codeValue(code)) > Math.fround(codeValue(code - 1)));
    }
    assert.equal(codeValue(0), 0);
    assert.equal(codeValue(255), 1);
    for (const code of [-1, 256, 0.5, NaN, undefined])
        assert.throws(() => codeValue(code), { name: "RangeError", message: `there is no code ${code}: codes are integers from 0 to 255` });
});

test("the numbers of a channel are those of the codes, rounded", () => {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
    const intensities = decodeIntensities(written(Array.from(codes, (code) => [code, [255 - code, code]])), 2);
    assert.deepEqual(intensities.channel(1), Float32Array.from(codes, codeValue));
    assert.deepEqual(intensities.channel(0), Float32Array.from(codes, codeValue).reverse());
});

// ---- errors ----

const texts = [
    [example(), 0, "a payload of intensities has 1 to 64 channels, not 0"],
    [example(), 65, "a payload of intensities has 1 to 64 channels, not 65"],
    [example(), 2.5, "a payload of intensities has 1 to 64 channels, not 2.5"],
    [example(), undefined, "a payload of intensities has 1 to 64 channels, not undefined"],
    [example(), 1, "a cell with 1 intensities takes 5 bytes, which do not divide the 12 bytes of the payload"],
    [example().slice(0, -1), 2, "a cell with 2 intensities takes 6 bytes, which do not divide the 11 bytes of the payload"],
    [new Uint8Array(4), 64, "a cell with 64 intensities takes 68 bytes, which do not divide the 4 bytes of the payload"],
    [Uint8Array.of(...example(), ...example()), 2, "the cell at position 2 has cell_id 3, which is not above the previous cell_id 7"],
    [written([[3, [1]], [3, [1]]]), 1, "the cell at position 1 has cell_id 3, which is not above the previous cell_id 3"],
    [written([[2 ** 31, [1]], [1, [1]]]), 1, "the cell at position 1 has cell_id 1, which is not above the previous cell_id 2147483648"],
];

for (const [payload, channels, message] of texts)
    test(message, () => assert.throws(() => decodeIntensities(payload, channels), { name: "PayloadError", message }));

test("channels that do not exist", () => {
    const intensities = decodeIntensities(example(), 2);
    for (const channel of [-1, 2, 0.5, NaN, "0"])
        assert.throws(() => intensities.channel(channel), {
            name: "RangeError",
            message: `there is no channel ${channel}: the number of channels is 2`,
        });
});

test("maxCells", () => {
    for (const maxCells of [2, Infinity, undefined]) assert.equal(decodeIntensities(example(), 2, { maxCells }).length, 2);
    for (const maxCells of [1, NaN])
        assert.throws(() => decodeIntensities(example(), 2, { maxCells }), {
            name: "PayloadError",
            message: new RegExp(`^the payload has 2 cells, more than the limit of ${maxCells}: `),
        });
});

test("another number of channels is noticed by the ids", () => {
    for (const channels of [1, 2, 6, 9, 11, 16]) // The payload has 780 bytes with 8 channels.
        assert.throws(() => decodeIntensities(named("intensity: 65 cells"), channels), PayloadError);
});

// ---- hostile bytes ----

/** Check that decoding gives the cells of the payload, or throws PayloadError. */
function checkHostile(payload, channels) {
    let intensities;
    try {
        intensities = decodeIntensities(payload, channels);
    } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        return false;
    }
    assert.deepEqual(written(intensityRows(intensities)), payload);
    assert.ok(intensities.cellIds.every((id, i) => i === 0 || id > intensities.cellIds[i - 1]));
    return true;
}

test("changed payloads, and payloads of other layouts", () => {
    const random = randomNumbers(2);
    const small = vectors.filter((v) => v.layout === "intensity" && "cells" in v && v.payload.length > 0 && v.payload.length < 2000);
    let accepted = 0;
    for (let i = 0; i < 4000; i++) {
        let payload = small[random() % small.length].payload.slice();
        payload[random() % payload.length] ^= 1 << random() % 8;
        if (random() % 3 === 0) payload = payload.slice(0, random() % payload.length);
        if (checkHostile(payload, 8)) accepted++;
    }
    assert.ok(accepted > 100 && accepted < 3900);
    for (const { payload } of vectors) for (const channels of [1, 8, 64]) checkHostile(payload, channels);
});
