// The payloads that all clients are tested with; see clients/vectors/README.md.
import { readFileSync } from "node:fs";

const file = new URL("../../vectors/vectors.jsonl", import.meta.url);

/** name, layout, payload (a Uint8Array at the start of its buffer), and cells or fault. */
export const vectors = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map((vector) => ({ ...vector, payload: fromHex(vector.payload) }));

export function fromHex(hex) {
    // Of a copy: small Buffers are parts of a larger one.
    return new Uint8Array(Buffer.from(hex, "hex"));
}

/** The payload of a vector, to be changed at will. */
export function named(name) {
    return vectors.find((vector) => vector.name === name).payload.slice();
}

/** Cells as they are in a vector. */
export function rows(cells) {
    return Array.from({ length: cells.length }, (_, i) => [
        cells.ids === null ? null : cells.ids[i],
        cells.x(i),
        cells.y(i),
        cells.phenotypes(i).toString(16).padStart(16, "0"),
    ]);
}

/** A generator of the same random numbers each time, 0 to 2^32-1. */
export function randomNumbers(seed) {
    let state = BigInt(seed);
    return () => {
        state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
        return Number(state >> 32n);
    };
}
