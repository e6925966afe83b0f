import { PayloadError } from "./errors.js";

/** More than three times the cells of the largest slides.  Decoding them takes less than 470 MiB. */
export const MAX_CELLS = 2 ** 24;

/** How to decode a payload. */
export interface DecodeOptions {
    /**
     * A payload with more cells is refused before memory is allocated for them,
     * because its length does not limit them.  The default is 2^24, or 16,777,216.
     * Infinity removes the limit, for payloads that you trust.
     */
    maxCells?: number | undefined;
}

export function checkNumber(cells: number, maxCells: number): void {
    // Written this way, unlike with ">", NaN refuses every payload.
    if (!(cells <= maxCells))
        throw new PayloadError(
            `the payload has ${cells} cells, more than the limit of ${maxCells}: ` +
                "to decode it, pass a larger maxCells, or Infinity for no limit",
        );
}
