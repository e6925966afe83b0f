// User code, with the strictest options.  It only has to compile; see types.test.js.
import { tableFromIPC } from "apache-arrow";
import {
    type Cells,
    compactLength,
    codeValue,
    count,
    decode,
    decodeIntensities,
    decodeSubsample,
    Features,
    fetchPayload,
    type FetchOptions,
    fromArrow,
    type Intensities,
    type Layout,
    matching,
    nearest,
    type Rule,
    type Subsample,
    type SubsampleSample,
} from "cell-binary";

declare const gl: WebGL2RenderingContext;
declare const worker: Worker;
declare const signal: AbortSignal | undefined;
declare const maxBytes: number | undefined;
declare const phenotypes: bigint | undefined;
declare const layout: Layout;

/** Functions of the Web that accept only memory that is not shared, or only this type. */
export async function toTheWeb(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    new Blob([bytes]);
    new Response(bytes);
    await crypto.subtle.digest("SHA-256", bytes);
    await fetch("https://example.org", { method: "POST", body: bytes });
    worker.postMessage(bytes, [bytes.buffer]);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.STATIC_DRAW);
}

const options: FetchOptions = { signal, maxBytes, headers: {}, total: compactLength, onProgress: (received) => received };
export const bytes: Uint8Array<ArrayBuffer> = await fetchPayload(new URL("https://example.org"), options);
await toTheWeb(bytes);
await fetchPayload("", { total: (first: Uint8Array<ArrayBuffer>) => (new Blob([first]), undefined) });

for (const cells of [
    decode(bytes),
    decode(bytes.buffer),
    decode(bytes, layout, { maxCells: maxBytes }),
    fromArrow(tableFromIPC(bytes), { maxCells: 100 }),
]) {
    await toTheWeb(cells.bytes);
    new Blob([cells.coordinates, cells.phenotypeWords, cells.cellIds ?? ""]);
}

export const cells: Cells = decode(bytes, "dense");
const rule: Rule = { allOf: phenotypes, noneOf: new Features(["CD3"]).phenotypes("CD3") };
new Blob([matching(cells, rule)]);
export const nearestPhenotypes: bigint = cells.phenotypes(nearest(cells, 1, 2, 3) + count(cells, rule));

export const intensities: Intensities = decodeIntensities(bytes, cells.length, { maxCells: maxBytes });
await toTheWeb(intensities.codes);
new Blob([intensities.cellIds, intensities.channel(0)]);

export const subsample: Subsample = decodeSubsample(bytes);
export const sample: SubsampleSample = subsample.sample(subsample.channelNames[0] ?? "");
await toTheWeb(sample.codes);
new Blob([subsample.codes, decodeSubsample(bytes.buffer).codes, sample.thresholds, sample.thresholdValues, sample.channel(0)]);
export const value: number = codeValue(1) + subsample.samples.length + sample.length;

declare const unknownMemory: Uint8Array;
declare const sharedMemory: SharedArrayBuffer;
for (const shared of [decode(unknownMemory), decode(sharedMemory), decode(new Uint8Array(sharedMemory), "compact")]) {
    gl.bufferData(gl.ARRAY_BUFFER, shared.bytes, gl.STATIC_DRAW);
    new Blob([matching(shared, rule)]);
    new Response(`${count(shared, rule)} ${nearest(shared, 1, 2, 3)} ${shared.x(0)}`);
}
for (const shared of [decodeSubsample(unknownMemory), decodeSubsample(sharedMemory)])
    new Blob([shared.channel(0), shared.sample("A").thresholds, decodeIntensities(unknownMemory, 1).codes, decodeIntensities(sharedMemory, 1).codes]);
