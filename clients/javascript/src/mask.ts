/**
 * A mask as it is in a payload: 0n to 2n ** 64n - 1n.  SQL shows masks as
 * signed bigint; one below 0 stands for the same 64 bits.
 *
 * @throws RangeError if it does not fit in 64 bits
 */
export function unsignedMask(mask: bigint): bigint {
    if (typeof mask !== "bigint") throw new TypeError(`mask ${mask} is not a bigint`);
    if (mask < -(2n ** 63n) || mask >= 2n ** 64n) throw new RangeError(`mask ${mask} does not fit in 64 bits`);
    return BigInt.asUintN(64, mask);
}
