// Every line of the vectors, compared with the result of the extension's own reader.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { decode, decodeIntensities, fromArrow, PayloadError } from "cell-binary";
import { intensityRows, rows, vectors } from "./vectors.js";

/** What a decoder returns for a vector, in the form of a vector. */
function read({ payload, layout, channels }) {
    if (layout === "intensity") return intensityRows(decodeIntensities(payload, channels));
    return rows(layout === "arrow" ? fromArrow(tableFromIPC(payload)) : decode(payload, layout));
}

for (const vector of vectors)
    test(vector.name, () => {
        assert.notEqual("cells" in vector, "fault" in vector);
        assert.equal("channels" in vector, vector.layout === "intensity");
        if ("fault" in vector) assert.throws(() => read(vector), PayloadError);
        else assert.deepEqual(read(vector), vector.cells);
    });

test("there are all kinds of vectors", () => {
    const number = (layout, outcome) =>
        vectors.filter((vector) => vector.layout === layout && outcome in vector).length;
    assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
    for (const layout of ["compact", "spt", "dense", "intensity"]) {
        assert.ok(number(layout, "cells") > 20);
        assert.ok(number(layout, "fault") > 20);
    }
    assert.ok(number("arrow", "cells") > 10);
});
