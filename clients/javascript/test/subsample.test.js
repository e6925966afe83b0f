// Subsamples: payloads made by hand and of random samples, errors, and hostile metadata.
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeValue, decodeSubsample, PayloadError, Subsample, SubsampleSample } from "cell-binary";
import { fromHex, randomNumbers } from "./vectors.js";

// The example of a subsample in format.md.
const metadata =
    '{"subsample_counts":[{"specimen":"A","count":2,"thresholds":[161,239]},' +
    '{"specimen":"B","count":0,"thresholds":[223,1]}],"channel_order":["CD3","CD8"]}';
const body = fromHex("dfff38ff");
const example = () => payload(metadata);

function payload(document, after = body) {
    const bytes = typeof document === "string" ? new TextEncoder().encode(document) : document;
    return Uint8Array.of(...bytes, 28, ...after);
}

function written(samples, channels) {
    const counts = samples.map(([specimen, thresholds, rows]) => ({ specimen, count: rows.length, thresholds }));
    return payload(JSON.stringify({ subsample_counts: counts, channel_order: channels }), samples.flatMap(([, , rows]) => rows.flat()));
}

const rowsOf = (codes, channels) => Array.from({ length: codes.length / channels }, (_, i) => [...codes.subarray(channels * i, channels * (i + 1))]);
const read = ({ samples }) => samples.map(({ name, thresholds, codes }) => [name, [...thresholds], rowsOf(codes, thresholds.length)]);

// ---- results ----

test("the example of format.md", () => {
    const subsample = decodeSubsample(example());
    assert.ok(subsample instanceof Subsample && subsample.samples[0] instanceof SubsampleSample);
    assert.deepEqual(subsample.channelNames, ["CD3", "CD8"]);
    assert.equal(subsample.length, 2);
    assert.deepEqual(subsample.samples.map(({ length }) => length), [2, 0]);
    assert.deepEqual(subsample.codes, body);
    assert.deepEqual(read(subsample), [["A", [161, 239], [[0xdf, 0xff], [0x38, 0xff]]], ["B", [223, 1], []]]);
});

test("numbers", () => {
    const subsample = decodeSubsample(example());
    const sample = subsample.sample("A");
    for (const cells of [subsample, sample]) {
        assert.deepEqual(cells.channel(0), Float32Array.of(codeValue(0xdf), codeValue(0x38)));
        assert.deepEqual(cells.channel(1), Float32Array.of(1, 1));
        for (const channel of [-1, 2, 0.5, NaN])
            assert.throws(() => cells.channel(channel), {
                name: "RangeError",
                message: `there is no channel ${channel}: the number of channels is 2`,
            });
    }
    assert.deepEqual(sample.thresholdValues, Float32Array.of(codeValue(161), codeValue(239)));
    assert.equal(subsample.sample("B").channel(1).length, 0);
});

test("a sample by its name", () => {
    const subsample = decodeSubsample(example());
    assert.equal(subsample.sample("B"), subsample.samples[1]);
    for (const name of ["C", "__proto__"])
        assert.throws(() => subsample.sample(name), { name: "RangeError", message: `unknown sample "${name}" in a subsample of 2 samples` });
});

test("random samples", () => {
    const random = randomNumbers(1);
    for (const channels of [1, 2, 64])
        for (const samples of [0, 1, 2, 30]) {
            const row = () => Array.from({ length: channels }, () => random() % 256);
            const expected = Array.from({ length: samples }, (_, i) => [`${i}"\\\nß😀`, row(), Array.from({ length: random() % 4 }, row)]);
            const names = Array.from({ length: channels }, (_, k) => `F${k} ä`);
            const subsample = decodeSubsample(written(expected, names));
            assert.deepEqual(subsample.channelNames, names);
            assert.deepEqual(read(subsample), expected);
            assert.deepEqual(rowsOf(subsample.codes, channels), expected.flatMap(([, , rows]) => rows));
        }
});

test("byte 28 in the body", () => {
    const samples = [["__proto__", [28], [[28], [28]]]];
    assert.deepEqual(read(decodeSubsample(written(samples, ["CD3"]))), samples);
});

test("codes are not copied", () => {
    const bytes = example();
    const subsample = decodeSubsample(bytes);
    for (const { codes } of [subsample, ...subsample.samples]) assert.equal(codes.buffer, bytes.buffer);
    bytes[bytes.length - 1] = 9;
    assert.equal(subsample.sample("A").codes[3], 9);
    subsample.codes[0] = 7;
    assert.equal(bytes[bytes.length - 4], 7);
});

test("any bytes", () => {
    const bytes = example();
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const part = Uint8Array.of(28, ...bytes, 0).subarray(1, bytes.length + 1);
    for (const given of [bytes.buffer, Buffer.from(bytes), shared, new Uint8Array(shared), part])
        assert.deepEqual(read(decodeSubsample(given)), read(decodeSubsample(bytes)));
    for (const given of ["text", 4, null, undefined, {}])
        assert.throws(() => decodeSubsample(given), { name: "TypeError", message: "the payload is neither an ArrayBuffer nor a Uint8Array" });
});

test("other members and spaces are ignored", () => {
    const document = JSON.parse(metadata);
    document.version = null;
    document.subsample_counts[0].other = [1.5];
    assert.deepEqual(read(decodeSubsample(payload(JSON.stringify(document, null, 4)))), read(decodeSubsample(example())));
});

// ---- errors ----

function edited(old, by) {
    assert.equal(metadata.split(old).length, 2);
    return payload(metadata.replace(old, () => by));
}

const form = 'the metadata must have the form {"subsample_counts": [...], "channel_order": [...]}';
const form0 = 'sample 0 must have the form {"specimen": "...", "count": CELLS, "thresholds": [...]}';
const notJson = /^the metadata is not JSON in UTF-8: ./;
const code = "the threshold of channel 1 of sample 0 is not an integer from 0 to 255";
const sampleA = '{"specimen":"A","count":2,"thresholds":[161,239]}';
const length = (cells, expected, found) =>
    `the metadata gives ${cells} cells of 2 channels, so ${expected} bytes must follow byte 28, but ${found} do`;
const texts = [
    [new Uint8Array(), "byte 28, which ends the metadata, is not among the first 0 bytes"],
    [new TextEncoder().encode(metadata), `byte 28, which ends the metadata, is not among the first ${metadata.length} bytes`],
    [new Uint8Array(2 ** 23 + 2).fill(32).fill(28, 2 ** 23 + 1), "byte 28, which ends the metadata, is not among the first 8388609 bytes"],
    [payload(""), notJson],
    [payload("{"), notJson],
    [payload(Uint8Array.of(0xff)), notJson],
    [payload(`\ufeff${metadata}`), notJson],
    [payload(Buffer.from(metadata, "utf16le")), notJson],
    [payload("NaN"), notJson],
    [payload("[".repeat(100_000)), notJson],
    [edited('"A"', '"\n"'), notJson],
    [edited('"A"', '"\\ud8"'), notJson],
    [edited('"A"', '"\\u00g0"'), notJson],
    [edited('["CD3","CD8"]}', '["CD3","CD8"]}]'), notJson],
    [payload("null"), form],
    [payload("[]"), form],
    [payload('"subsample_counts"'), form],
    [payload("{}"), form],
    [edited('"subsample_counts"', '"counts"'), form],
    [edited('["CD3","CD8"]', "null"), form],
    [edited('["CD3","CD8"]', '"CD3"'), form],
    [edited('["CD3","CD8"]', "[]"), "a subsample has 1 to 64 channels, not 0"],
    [edited('["CD3","CD8"]', JSON.stringify([...Array(65).keys()])), "a subsample has 1 to 64 channels, not 65"],
    [edited('"CD8"', "8"), "the name of channel 1 is not a string"],
    [edited('"CD8"', '"CD3"'), "channels 0 and 1 have the same name"],
    [edited('"A"', "null"), form0],
    [edited('"specimen":"A",', ""), form0],
    [edited(sampleA, "2"), form0],
    [edited(sampleA, '["A",2,[161,239]]'), form0],
    [edited(sampleA, "null"), form0],
    [edited('"count":2', '"count":-2'), form0],
    [edited('"count":2', '"count":true'), form0],
    [edited('"count":2', '"count":2.5'), form0],
    [edited('"count":2', '"count":1e999'), form0],
    [edited('"count":2', '"count":9007199254740992'), form0],
    [edited('"count":2', '"count":"2"'), form0],
    [edited("[161,239]", "161"), form0],
    [edited("[161,239]", "[161]"), "sample 0 has 1 thresholds for 2 channels"],
    [edited("[161,239]", "[161,239,0]"), "sample 0 has 3 thresholds for 2 channels"],
    [edited("239", "256"), code],
    [edited("239", "-1"), code],
    [edited("239", "false"), code],
    [edited("239", "2.5"), code],
    [edited("239", "[]"), code],
    [edited('"B"', '"A"'), "samples 0 and 1 have the same name"],
    [example().slice(0, -1), length(2, 4, 3)],
    [Uint8Array.of(...example(), 0), length(2, 4, 5)],
    [edited('"count":2', '"count":0'), length(0, 0, 4)],
    [edited('"count":2', '"count":4503599627370496'), length(2 ** 52, 2 ** 53, 4)],
];

test("texts", () => {
    for (const [bytes, message] of texts) assert.throws(() => decodeSubsample(bytes), { name: "PayloadError", message });
});

test("maxCells", () => {
    for (const maxCells of [2, Infinity, undefined]) assert.equal(decodeSubsample(example(), { maxCells }).length, 2);
    for (const maxCells of [1, NaN])
        assert.throws(() => decodeSubsample(example(), { maxCells }), {
            name: "PayloadError",
            message: new RegExp(`^the payload has 2 cells, more than the limit of ${maxCells}: `),
        });
});

// ---- hostile bytes ----

/** Check that decoding gives what the payload says, or throws PayloadError. */
function checkHostile(bytes) {
    let subsample;
    try {
        subsample = decodeSubsample(bytes);
    } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        return false;
    }
    assert.deepEqual(subsample.codes, bytes.slice(bytes.indexOf(28) + 1));
    assert.deepEqual(read(subsample).flatMap(([, , rows]) => rows.flat()), [...subsample.codes]);
    for (const { thresholds } of subsample.samples) assert.equal(thresholds.length, subsample.channelNames.length);
    return true;
}

test("changed bytes", () => {
    const random = randomNumbers(2);
    const bytes = [...'[]{}",:0123456789e.-\\ux'].map((character) => character.charCodeAt(0)).concat(28, 0, 255);
    let accepted = 0;
    for (let i = 0; i < 10_000; i++) {
        const edit = [...example()];
        for (let edits = 1 + (random() % 3); edits > 0; edits--)
            edit.splice(random() % edit.length, random() % 3, ...Array.from({ length: random() % 3 }, () => bytes[random() % bytes.length]));
        if (checkHostile(Uint8Array.from(edit))) accepted++;
    }
    assert.ok(accepted > 100 && accepted < 9900);
});

test("changed values of the metadata", () => {
    const random = randomNumbers(3);
    const others = [null, true, 0, 1, 255, 256, -1, 0.5, 1e300, 2 ** 63, "", "A", "\ud800", "__proto__", [], {}, [[]]];
    const changed = (value) => {
        if (random() % 12 === 0) return others[random() % others.length];
        if (Array.isArray(value)) return value.map(changed);
        if (typeof value !== "object" || value === null) return value;
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, changed(item)]));
    };
    let accepted = 0;
    for (let i = 0; i < 3000; i++) if (checkHostile(payload(JSON.stringify(changed(JSON.parse(metadata)))))) accepted++;
    assert.ok(accepted > 100 && accepted < 2900);
});
