import { bytesOf } from "./bytes.js";
import { channelValues } from "./codes.js";
import { PayloadError } from "./errors.js";
import { putId } from "./ids.js";
import { checkNumber, MAX_CELLS, type DecodeOptions } from "./limit.js";

export const MAX_CHANNELS = 64;

const ID_BYTES = 4;

/**
 * The intensities of the cells of a payload.  A code is an intensity in one byte;
 * `codeValue` returns its number.  Codes are in the order of their numbers.
 * Channel k is feature k.
 */
export class Intensities {
    /** Number of cells. */
    readonly length: number;
    /** Number of channels. */
    readonly channels: number;
    /** The cell_id of each cell, ascending. */
    readonly cellIds: Uint32Array<ArrayBuffer>;
    /** The code of channel k of cell i, at `channels * i + k`. */
    readonly codes: Uint8Array<ArrayBuffer>;

    /** @param codes for each id, one code for each channel; not copied */
    constructor(channels: number, cellIds: Uint32Array<ArrayBuffer>, codes: Uint8Array<ArrayBuffer>) {
        this.length = cellIds.length;
        this.channels = channels;
        this.cellIds = cellIds;
        this.codes = codes;
    }

    /**
     * The intensities of one channel, a number from 0 to 1 for each cell: `codeValue`
     * of the codes, rounded to 32 bits.  Equal codes give equal numbers, and larger
     * codes larger ones.
     * @throws RangeError if the channel does not exist
     */
    channel(channel: number): Float32Array<ArrayBuffer> {
        return channelValues(this.codes, this.channels, channel);
    }
}

/**
 * Decode a payload in layout intensity into new memory: as many bytes as the
 * payload has.
 *
 * channels is the number of channels: the number of features of the study.  The
 * payload does not contain it.  A wrong number is noticed only if cells of that
 * size do not divide the length, or if the ids do not ascend.
 *
 * @throws PayloadError if channels is not an integer from 1 to 64, or if the bytes
 *     are not a payload of so many channels, or have more than maxCells cells
 * @throws TypeError if the payload is neither an ArrayBuffer nor a Uint8Array
 */
export function decodeIntensities(
    payload: ArrayBufferLike | Uint8Array,
    channels: number,
    { maxCells = MAX_CELLS }: DecodeOptions = {},
): Intensities {
    if (!(Number.isInteger(channels) && channels >= 1 && channels <= MAX_CHANNELS))
        throw new PayloadError(`a payload of intensities has 1 to ${MAX_CHANNELS} channels, not ${channels}`);
    const bytes = bytesOf(payload);
    const cellSize = ID_BYTES + channels;
    if (bytes.length % cellSize !== 0)
        throw new PayloadError(
            `a cell with ${channels} intensities takes ${cellSize} bytes, ` +
                `which do not divide the ${bytes.length} bytes of the payload`,
        );
    const cells = bytes.length / cellSize;
    checkNumber(cells, maxCells);

    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const ids = new Uint32Array(cells);
    const codes = new Uint8Array(channels * cells);
    for (let i = 0, from = 0, to = 0; i < cells; i++) {
        putId(ids, i, view.getUint32(from));
        from += ID_BYTES;
        for (let k = 0; k < channels; k++) codes[to++] = bytes[from++]!;
    }
    return new Intensities(channels, ids, codes);
}
