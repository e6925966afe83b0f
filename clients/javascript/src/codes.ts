/*
 * The numbers that codes stand for.  A code is an intensity in one byte: 3 bits
 * of exponent, then 5 bits of fraction.
 */
const SCALE = 1 / 251;

const VALUES = Float64Array.from(
    { length: 256 },
    (_, code) => SCALE * ((1 + (code & 31) / 32) * (1 << (code >> 5)) - 1),
);

const ROUNDED = Float32Array.from(VALUES);

/**
 * The number that a code stands for, from 0 for code 0 to 1 for code 255, as a
 * double.  It has the same bits as that of the SQL function cell_minifloat_decode.
 * @throws RangeError if the code is not an integer from 0 to 255
 */
export function codeValue(code: number): number {
    const value = VALUES[code];
    if (value === undefined) throw new RangeError(`there is no code ${code}: codes are integers from 0 to 255`);
    return value;
}

/** The numbers of codes, rounded to 32 bits. */
export function roundedValues(codes: Uint8Array): Float32Array<ArrayBuffer> {
    return Float32Array.from(codes, (code) => ROUNDED[code]!);
}

/**
 * The numbers, rounded to 32 bits, of one channel of cells that have so many channels.
 * @throws RangeError if the channel does not exist
 */
export function channelValues(codes: Uint8Array, channels: number, channel: number): Float32Array<ArrayBuffer> {
    if (!(Number.isInteger(channel) && channel >= 0 && channel < channels))
        throw new RangeError(`there is no channel ${channel}: the number of channels is ${channels}`);
    const values = new Float32Array(codes.length / channels);
    for (let i = 0, at = channel; i < values.length; i++, at += channels) values[i] = ROUNDED[codes[at]!]!;
    return values;
}
