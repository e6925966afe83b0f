import { type Cells, WORDS } from "./cells.js";
import { unsignedMask } from "./mask.js";

/**
 * Which cells: those that have every feature of `allOf` and none of `noneOf`.
 * Masks of 64 bits, also as the signed bigint of SQL; left out, 0n.
 */
export interface Rule {
    allOf?: bigint | undefined;
    noneOf?: bigint | undefined;
}

/** Which bits of the two words of a mask are tested, and what they must be. */
interface Test {
    low: number;
    high: number;
    wantedLow: number;
    wantedHigh: number;
}

/** null: no cell can have a feature and not have it. */
function testOf(rule: Rule): Test | null {
    const unknown = Object.keys(rule ?? {}).find((key) => key !== "allOf" && key !== "noneOf");
    if (typeof rule !== "object" || rule === null || unknown !== undefined)
        throw new TypeError(`a rule is an object of allOf and noneOf${unknown === undefined ? "" : `, and has no ${unknown}`}`);
    const { allOf = 0n, noneOf = 0n } = rule;
    const all = unsignedMask(allOf);
    const none = unsignedMask(noneOf);
    const word = (mask: bigint) => Number(BigInt.asIntN(32, mask)); // what & gives
    if (all & none) return null;
    return {
        low: word(all | none),
        high: word((all | none) >> 32n),
        wantedLow: word(all),
        wantedHigh: word(all >> 32n),
    };
}

/** The positions of the cells that match a rule, ascending. @throws RangeError for a mask over 64 bits, TypeError for what is no rule */
export function positive(cells: Cells<ArrayBufferLike>, rule: Rule): Uint32Array<ArrayBuffer> {
    const test = testOf(rule);
    if (test === null) return new Uint32Array(0);
    const { low, high, wantedLow, wantedHigh } = test;
    const { masks, length } = cells;
    const found = new Uint32Array(length);
    let matching = 0;
    for (let i = 0, at = 2; i < length; i++, at += WORDS)
        if ((masks[at]! & low) === wantedLow && (masks[at + 1]! & high) === wantedHigh) found[matching++] = i;
    return found.slice(0, matching);
}

/** How many cells match a rule. @throws RangeError for a mask over 64 bits, TypeError for what is no rule */
export function count(cells: Cells<ArrayBufferLike>, rule: Rule): number {
    const test = testOf(rule);
    if (test === null) return 0;
    const { low, high, wantedLow, wantedHigh } = test;
    const { masks, length } = cells;
    let matching = 0;
    for (let i = 0, at = 2; i < length; i++, at += WORDS)
        if ((masks[at]! & low) === wantedLow && (masks[at + 1]! & high) === wantedHigh) matching++;
    return matching;
}

/**
 * The position of the cell that is nearest to a point, not further from it
 * than a radius (both in pixels, fractions allowed), and accepted; -1 if there
 * is none.  Of equally near ones the first.
 *
 * Looks at every cell, which takes a few milliseconds for a million, but asks
 * `accept` only about those that are nearer than what is found so far.
 */
export function nearest(
    cells: Cells<ArrayBufferLike>,
    x: number,
    y: number,
    radius: number,
    accept?: (cell: number) => boolean,
): number {
    const { coordinates, length } = cells;
    let found = -1;
    let closest = radius >= 0 ? radius * radius : -1;
    for (let i = 0, at = 0; i < length; i++, at += WORDS) {
        const dx = coordinates[at]! - x;
        const dy = coordinates[at + 1]! - y;
        const distance = dx * dx + dy * dy;
        if (distance <= closest && (distance < closest || found < 0) && (accept === undefined || accept(i))) {
            closest = distance;
            found = i;
        }
    }
    return found;
}
