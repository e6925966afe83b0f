// The types must not hide that memory may be shared: none of these statements may compile; see types.test.js.
import { decode, decodeSubsample } from "cell-binary";

declare const unknownMemory: Uint8Array;
declare const sharedMemory: SharedArrayBuffer;

// @ts-expect-error: a Blob does not accept memory that may be shared
new Blob([decode(unknownMemory).bytes]);
// @ts-expect-error
new Blob([decode(sharedMemory).bytes]);
// @ts-expect-error
new Blob([decode(new Uint8Array(sharedMemory), "compact").phenotypeWords]);
// @ts-expect-error
new Blob([decodeSubsample(unknownMemory).codes]);
// @ts-expect-error
new Blob([decodeSubsample(sharedMemory).sample("A").codes]);
