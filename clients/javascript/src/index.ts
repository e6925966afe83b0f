/**
 * Read the payloads of the PostgreSQL extension cell_binary into typed arrays.
 */
export { Cells } from "./cells.js";
export { decode, type Layout } from "./decode.js";
export { type DecodeOptions } from "./limit.js";
export { Intensities, decodeIntensities } from "./intensities.js";
export { Subsample, SubsampleSample, decodeSubsample } from "./subsample.js";
export { codeValue } from "./codes.js";
export { fromArrow, type ArrowColumn, type ArrowTable } from "./arrow.js";
export { PayloadError } from "./errors.js";
export { Features } from "./features.js";
export { fetchPayload, compactLength, HttpError, type FetchOptions } from "./fetch.js";
export { matching, count, nearest, type Rule } from "./filter.js";
