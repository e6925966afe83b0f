// User code in Node, without the types of a browser.  It only has to compile; see types.test.js.
import { readFile, writeFile } from "node:fs/promises";
import { decode, decodeIntensities, decodeSubsample, Features, fetchPayload, HttpError, PayloadError } from "cell-binary";

const cells = decode(await readFile("payload"), "dense", { maxCells: Infinity });
await writeFile("cells", cells.bytes);
await writeFile("phenotypes", decode(await fetchPayload("https://example.org", { signal: AbortSignal.timeout(1000) })).phenotypeWords);
await writeFile("codes", decodeIntensities(await readFile("payload"), 8).codes);
await writeFile("codes", decodeSubsample(await readFile("payload")).codes);
export const names: readonly string[] = Features.fromJSON({ names: [] }).names;
export const isOurs = (error: unknown): boolean => error instanceof HttpError || error instanceof PayloadError;
