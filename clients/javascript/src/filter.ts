import { type Cells, WORDS } from "./cells.js";
import { unsignedPhenotypes } from "./phenotypes.js";

/**
 * A rule selects the cells that are positive for every feature in `allOf` and for
 * none in `noneOf`.  Both are phenotypes, unsigned or as the signed bigint of SQL,
 * and default to 0n.
 */
export interface Rule {
    allOf?: bigint | undefined;
    noneOf?: bigint | undefined;
}

/** The bits to test in the two words of phenotypes, and the values that they must have. */
interface Test {
    low: number;
    high: number;
    wantedLow: number;
    wantedHigh: number;
}

/** The test of a rule; null if no cell can match, because a feature is in both allOf and noneOf. */
function testOf(rule: Rule): Test | null {
    const unknown = Object.keys(rule ?? {}).find((key) => key !== "allOf" && key !== "noneOf");
    if (typeof rule !== "object" || rule === null || unknown !== undefined) {
        const detail = unknown === undefined ? "" : `; it has no member ${unknown}`;
        throw new TypeError(`a rule is an object with allOf and noneOf${detail}`);
    }
    const { allOf = 0n, noneOf = 0n } = rule;
    const all = unsignedPhenotypes(allOf);
    const none = unsignedPhenotypes(noneOf);
    const word = (bits: bigint) => Number(BigInt.asIntN(32, bits)); // signed, as the result of &
    if (all & none) return null;
    return {
        low: word(all | none),
        high: word((all | none) >> 32n),
        wantedLow: word(all),
        wantedHigh: word(all >> 32n),
    };
}

/**
 * The positions of the cells that match a rule, ascending.
 * @throws RangeError if allOf or noneOf does not fit in 64 bits, TypeError if the rule is not one
 */
export function matching(cells: Cells<ArrayBufferLike>, rule: Rule): Uint32Array<ArrayBuffer> {
    const test = testOf(rule);
    if (test === null) return new Uint32Array(0);
    const { low, high, wantedLow, wantedHigh } = test;
    const { phenotypeWords, length } = cells;
    const found = new Uint32Array(length);
    let matches = 0;
    for (let i = 0, at = 2; i < length; i++, at += WORDS)
        if ((phenotypeWords[at]! & low) === wantedLow && (phenotypeWords[at + 1]! & high) === wantedHigh) found[matches++] = i;
    return found.slice(0, matches);
}

/**
 * The number of cells that match a rule.
 * @throws RangeError if allOf or noneOf does not fit in 64 bits, TypeError if the rule is not one
 */
export function count(cells: Cells<ArrayBufferLike>, rule: Rule): number {
    const test = testOf(rule);
    if (test === null) return 0;
    const { low, high, wantedLow, wantedHigh } = test;
    const { phenotypeWords, length } = cells;
    let matches = 0;
    for (let i = 0, at = 2; i < length; i++, at += WORDS)
        if ((phenotypeWords[at]! & low) === wantedLow && (phenotypeWords[at + 1]! & high) === wantedHigh) matches++;
    return matches;
}

/**
 * The position of the accepted cell that is nearest to a point, within a radius;
 * -1 if there is none.  Point and radius are in pixels and may be fractions.  Of
 * several cells at the same distance, the first is returned.
 *
 * The function reads every cell, which takes a few milliseconds per million cells.
 * It calls `accept` only for a cell that is nearer than the best cell so far.
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
