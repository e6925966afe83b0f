/*
 * The subsample of a study: metadata in JSON, byte 28, and the codes of the cells.
 */
import { bytesOf } from "./bytes.js";
import { channelValues, roundedValues } from "./codes.js";
import { PayloadError } from "./errors.js";
import { MAX_CHANNELS } from "./intensities.js";
import { checkNumber, MAX_CELLS, type DecodeOptions } from "./limit.js";

const SEPARATOR = 28;

/** The metadata of 20,000 samples with 64 channels fits. */
const MAX_METADATA = 2 ** 23;

/**
 * The cells of one sample of a subsample.
 *
 * Memory is the type of the memory under the codes, that of the payload.
 */
export class SubsampleSample<Memory extends ArrayBufferLike = ArrayBuffer> {
    /** Number of cells. */
    readonly length: number;
    /** The name of the sample. */
    readonly name: string;
    /** The code of the threshold of each channel. */
    readonly thresholds: Uint8Array<ArrayBuffer>;
    /** The code of channel k of cell i of the sample, at `thresholds.length * i + k`. */
    readonly codes: Uint8Array<Memory>;

    /** @param codes for each cell, one code for each threshold; not copied */
    constructor(name: string, thresholds: Uint8Array<ArrayBuffer>, codes: Uint8Array<Memory>) {
        this.length = codes.length / thresholds.length;
        this.name = name;
        this.thresholds = thresholds;
        this.codes = codes;
    }

    /** The numbers of the thresholds, rounded to 32 bits as those of a channel. */
    get thresholdValues(): Float32Array<ArrayBuffer> {
        return roundedValues(this.thresholds);
    }

    /**
     * The intensities of one channel, as `Intensities.channel` returns them.
     * @throws RangeError if the channel does not exist
     */
    channel(channel: number): Float32Array<ArrayBuffer> {
        return channelValues(this.codes, this.thresholds.length, channel);
    }
}

/**
 * The intensities of some cells of each sample of a study.
 *
 * Memory is the type of the memory under the codes, that of the payload.
 */
export class Subsample<Memory extends ArrayBufferLike = ArrayBuffer> {
    /** Number of cells of all samples. */
    readonly length: number;
    /** `channelNames[k]` is the name of the feature of channel k. */
    readonly channelNames: readonly string[];
    /** The samples, in the order of their cells. */
    readonly samples: readonly SubsampleSample<Memory>[];
    /** The code of channel k of cell i of all samples, at `channelNames.length * i + k`. */
    readonly codes: Uint8Array<Memory>;
    readonly #byName: ReadonlyMap<string, SubsampleSample<Memory>>;

    /** @param codes those of all samples, one after the other; not copied */
    constructor(
        channelNames: readonly string[],
        samples: readonly SubsampleSample<Memory>[],
        codes: Uint8Array<Memory>,
    ) {
        this.length = codes.length / channelNames.length;
        this.channelNames = channelNames;
        this.samples = samples;
        this.codes = codes;
        this.#byName = new Map(samples.map((sample) => [sample.name, sample]));
    }

    /** The sample of this name. @throws RangeError if no sample has this name */
    sample(name: string): SubsampleSample<Memory> {
        const sample = this.#byName.get(name);
        if (sample === undefined)
            throw new RangeError(`unknown sample "${name}" in a subsample of ${this.samples.length} samples`);
        return sample;
    }

    /**
     * The intensities of one channel, as `Intensities.channel` returns them.
     * @throws RangeError if the channel does not exist
     */
    channel(channel: number): Float32Array<ArrayBuffer> {
        return channelValues(this.codes, this.channelNames.length, channel);
    }
}

/** What the metadata says of a sample. */
interface Description {
    name: string;
    cells: number;
    thresholds: Uint8Array<ArrayBuffer>;
}

/**
 * Decode the subsample of a study: its metadata, byte 28, and its body.
 *
 * The codes are views of the payload's memory.  Members of the metadata that
 * format.md does not name are ignored.
 *
 * @throws PayloadError if the bytes are not a subsample, have metadata of more than
 *     8,388,608 bytes (2^23), or have more than maxCells cells
 * @throws TypeError if the payload is neither an ArrayBuffer nor a Uint8Array
 */
export function decodeSubsample<Memory extends ArrayBufferLike>(
    payload: Memory | Uint8Array<Memory>,
    { maxCells = MAX_CELLS }: DecodeOptions = {},
): Subsample<Memory> {
    const bytes = bytesOf(payload);
    const start = bytes.subarray(0, MAX_METADATA + 1);
    const end = start.indexOf(SEPARATOR);
    if (end < 0)
        throw new PayloadError(`byte 28, which ends the metadata, is not among the first ${start.length} bytes`);
    const metadata = readMetadata(start.subarray(0, end));
    const names = readChannelNames(metadata.channel_order);
    const descriptions = readSamples(metadata.subsample_counts, names.length);

    const cells = descriptions.reduce((sum, sample) => sum + sample.cells, 0);
    const body = bytes.subarray(end + 1);
    const expected = cells * names.length;
    if (body.length !== expected)
        throw new PayloadError(
            `the metadata gives ${cells} cells of ${names.length} channels, ` +
                `so ${expected} bytes must follow byte 28, but ${body.length} do`,
        );
    checkNumber(cells, maxCells);
    return new Subsample(names, cutSamples(descriptions, body), body);
}

function readMetadata(document: Uint8Array): { subsample_counts: unknown[]; channel_order: unknown[] } {
    let metadata;
    try {
        // Copy, because a TextDecoder of a browser does not take shared memory.
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document.slice());
        metadata = JSON.parse(text) as { subsample_counts?: unknown; channel_order?: unknown } | null;
    } catch (error) {
        throw new PayloadError(`the metadata is not JSON in UTF-8: ${(error as Error).message}`);
    }
    const { subsample_counts, channel_order } = metadata ?? {};
    if (!Array.isArray(subsample_counts) || !Array.isArray(channel_order))
        throw new PayloadError('the metadata must have the form {"subsample_counts": [...], "channel_order": [...]}');
    return { subsample_counts, channel_order };
}

function readChannelNames(names: unknown[]): readonly string[] {
    if (names.length < 1 || names.length > MAX_CHANNELS)
        throw new PayloadError(`a subsample has 1 to ${MAX_CHANNELS} channels, not ${names.length}`);
    const strings = names.map((name, channel) => {
        if (typeof name !== "string") throw new PayloadError(`the name of channel ${channel} is not a string`);
        return name;
    });
    checkDistinct("channels", strings);
    return Object.freeze(strings);
}

function readSamples(samples: unknown[], channels: number): Description[] {
    const descriptions = samples.map((sample, position) => {
        const { specimen, count, thresholds } = (sample ?? {}) as Record<string, unknown>;
        if (typeof specimen !== "string" || !isInteger(count, Number.MAX_SAFE_INTEGER) || !Array.isArray(thresholds))
            throw new PayloadError(
                `sample ${position} must have the form {"specimen": "...", "count": CELLS, "thresholds": [...]}`,
            );
        if (thresholds.length !== channels)
            throw new PayloadError(`sample ${position} has ${thresholds.length} thresholds for ${channels} channels`);
        thresholds.forEach((code, channel) => {
            if (!isInteger(code, 255))
                throw new PayloadError(
                    `the threshold of channel ${channel} of sample ${position} is not an integer from 0 to 255`,
                );
        });
        return { name: specimen, cells: count, thresholds: Uint8Array.from(thresholds) };
    });
    checkDistinct("samples", descriptions.map(({ name }) => name));
    return descriptions;
}

function isInteger(value: unknown, largest: number): value is number {
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest;
}

function checkDistinct(things: string, names: string[]): void {
    const positions = new Map<string, number>();
    names.forEach((name, position) => {
        const other = positions.get(name);
        if (other !== undefined) throw new PayloadError(`${things} ${other} and ${position} have the same name`);
        positions.set(name, position);
    });
}

/** Give each sample its part of the body. */
function cutSamples<Memory extends ArrayBufferLike>(
    descriptions: Description[],
    body: Uint8Array<Memory>,
): readonly SubsampleSample<Memory>[] {
    let end = 0;
    return Object.freeze(
        descriptions.map(({ name, cells, thresholds }) => {
            const start = end;
            end += cells * thresholds.length;
            return new SubsampleSample(name, thresholds, body.subarray(start, end));
        }),
    );
}
