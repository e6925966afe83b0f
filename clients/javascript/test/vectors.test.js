// Every line of the vectors, compared with the result of the extension's own reader.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { decode, fromArrow, PayloadError } from "cell-binary";
import { rows, vectors } from "./vectors.js";

const read = ({ payload, layout }) => (layout === "arrow" ? fromArrow(tableFromIPC(payload)) : decode(payload, layout));

for (const vector of vectors)
    test(vector.name, () => {
        assert.notEqual("cells" in vector, "fault" in vector);
        if ("fault" in vector) assert.throws(() => read(vector), PayloadError);
        else assert.deepEqual(rows(read(vector)), vector.cells);
    });

test("there are all kinds of vectors", () => {
    const number = (layout, outcome) =>
        vectors.filter((vector) => vector.layout === layout && outcome in vector).length;
    assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
    for (const layout of ["compact", "spt", "dense"]) {
        assert.ok(number(layout, "cells") > 20);
        assert.ok(number(layout, "fault") > 20);
    }
    assert.ok(number("arrow", "cells") > 10);
});
