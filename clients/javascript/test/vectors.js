// The payloads that every client is tested with; see clients/vectors/README.md.
import { readFileSync } from "node:fs";

const file = new URL("../../vectors/vectors.jsonl", import.meta.url);

/**
 * Objects with name, layout, payload (a Uint8Array at the start of its buffer), and cells or fault; in layout intensity
 * also channels.
 */
export const vectors = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map((vector) => ({ ...vector, payload: fromHex(vector.payload) }));

export function fromHex(hex) {
    // Copy, because small Buffers are parts of a larger one.
    return new Uint8Array(Buffer.from(hex, "hex"));
}

/** A copy of the payload of a vector, which the test may change. */
export function named(name) {
    return vectors.find((vector) => vector.name === name).payload.slice();
}

/** The intensities in the form of a vector. */
export function intensityRows({ length, channels, cellIds, codes }) {
    return Array.from({ length }, (_, i) => [cellIds[i], [...codes.subarray(channels * i, channels * (i + 1))]]);
}

/** The cells in the form of a vector. */
export function rows(cells) {
    return Array.from({ length: cells.length }, (_, i) => [
        cells.cellIds === null ? null : cells.cellIds[i],
        cells.x(i),
        cells.y(i),
        cells.phenotypes(i).toString(16).padStart(16, "0"),
    ]);
}

/** A generator of random numbers, 0 to 2^32-1, which are the same in each run. */
export function randomNumbers(seed) {
    let state = BigInt(seed);
    return () => {
        state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
        return Number(state >> 32n);
    };
}
