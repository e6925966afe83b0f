/**
 * Return phenotypes as they are in a payload: 0n to 2n ** 64n - 1n.  SQL shows
 * phenotypes as a signed bigint.  A negative number stands for the same 64 bits.
 *
 * @throws RangeError if the number does not fit in 64 bits
 */
export function unsignedPhenotypes(phenotypes: bigint): bigint {
    if (typeof phenotypes !== "bigint") throw new TypeError(`phenotypes ${phenotypes} are not a bigint`);
    if (phenotypes < -(2n ** 63n) || phenotypes >= 2n ** 64n)
        throw new RangeError(`phenotypes ${phenotypes} do not fit in 64 bits`);
    return BigInt.asUintN(64, phenotypes);
}
