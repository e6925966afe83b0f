// Memory that may be shared is not said to be the cells' own: each of these must not compile; see types.test.js.
import { decode } from "cell-binary";

declare const unknownMemory: Uint8Array;
declare const sharedMemory: SharedArrayBuffer;

// @ts-expect-error: a Blob takes no memory that may be shared
new Blob([decode(unknownMemory).bytes]);
// @ts-expect-error
new Blob([decode(sharedMemory).bytes]);
// @ts-expect-error
new Blob([decode(new Uint8Array(sharedMemory), "compact").masks]);
