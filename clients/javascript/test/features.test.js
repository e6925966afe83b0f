import assert from "node:assert/strict";
import { test } from "node:test";
import { Features } from "cell-binary";

const document = { names: [{ symbol: "CD3", full_name: "" }, { symbol: "CD8", full_name: "" }] };

test("bits and phenotypes", () => {
    const names = Array.from({ length: 64 }, (_, bit) => `F${bit}`);
    const features = new Features(names);
    assert.deepEqual(features.names, names);
    names.forEach((name, bit) => assert.equal(features.bit(name), bit));
    assert.equal(features.phenotypes(), 0n);
    assert.equal(features.phenotypes("F0", "F31", "F32", "F63", "F0"), 0x8000000180000001n);
    assert.deepEqual(features.namesOf(0x8000000180000001n), ["F0", "F31", "F32", "F63"]);
    assert.deepEqual(features.namesOf(-(2n ** 63n)), ["F63"]);
    assert.deepEqual(features.namesOf(0n), []);
    assert.deepEqual(features.namesOf(2n ** 64n - 1n), names);
});

test("bits without a name are ignored", () => {
    assert.deepEqual(new Features(["CD3"]).namesOf(2n ** 64n - 1n), ["CD3"]);
});

test("names as they are served", () => {
    assert.deepEqual(Features.fromJSON(document).names, ["CD3", "CD8"]);
});

test("names of another form", () => {
    const none = 'the names of the features must have the form {"names": [...]}';
    for (const [other, message] of [
        [null, none],
        [undefined, none],
        ["CD3", none],
        [[], none],
        [{ names: "CD3" }, none],
        [{ names: ["CD3"] }, 'feature 0 must have the form {"symbol": "...", ...}'],
        [{ names: [null] }, 'feature 0 must have the form {"symbol": "...", ...}'],
        [{ names: [{ symbol: "CD3" }, { symbol: 3 }] }, 'feature 1 must have the form {"symbol": "...", ...}'],
    ])
        assert.throws(() => Features.fromJSON(other), { name: "TypeError", message });
});

test("unknown names", () => {
    const features = Features.fromJSON(document);
    const error = { name: "RangeError", message: 'unknown feature "CD4"; the features are "CD3", "CD8"' };
    assert.throws(() => features.bit("CD4"), error);
    assert.throws(() => features.phenotypes("CD3", "CD4"), error);
    assert.throws(() => features.bit("__proto__"), RangeError);
    assert.throws(() => new Features([]).bit("CD4"), { message: 'unknown feature "CD4"; there are no features' });
});

test("names that are refused", () => {
    const many = Array.from({ length: 65 }, (_, bit) => `F${bit}`);
    for (const [names, name, message] of [
        [many, "RangeError", "there are 65 features, more than the limit of 64"],
        [["A", "B", "B"], "RangeError", 'features 1 and 2 are both named "B"'],
        [["A", 7], "TypeError", "the name of feature 1 is not a string: 7"],
        ["CD3", "TypeError", "names must be an iterable of strings, not one string"],
    ])
        assert.throws(() => new Features(names), { name, message });
});

test("phenotypes that do not fit", () => {
    const features = new Features(["A"]);
    assert.throws(() => features.namesOf(2n ** 64n), {
        name: "RangeError",
        message: "phenotypes 18446744073709551616 do not fit in 64 bits",
    });
    assert.throws(() => features.namesOf(1), { name: "TypeError", message: "phenotypes 1 are not a bigint" });
});
