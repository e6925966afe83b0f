import { PayloadError } from "./errors.js";

/** Over three times the cells of the largest slides, and less than 470 MiB while they are decoded. */
export const MAX_CELLS = 2 ** 24;

/** How to decode a payload. */
export interface DecodeOptions {
    /**
     * A payload of more cells is refused before memory is taken for them: its
     * length does not limit them.  By default 2^24, which are 16,777,216;
     * Infinity lifts the limit, for payloads that you trust.
     */
    maxCells?: number | undefined;
}

export function checkNumber(cells: number, maxCells: number): void {
    // So, and not with ">", NaN refuses all.
    if (!(cells <= maxCells))
        throw new PayloadError(
            `the payload has ${cells} cells, more than the limit of ${maxCells}: ` +
                "to decode it, pass a larger maxCells, or Infinity for no limit",
        );
}
