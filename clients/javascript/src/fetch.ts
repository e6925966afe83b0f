import { PayloadError } from "./errors.js";

/** More than the longest payload of the default maxCells, which is 336 MB. */
const MAX_BYTES = 2 ** 29;

/** A problem document has a few sentences. */
const MAX_PROBLEM_BYTES = 2 ** 16;

/** The server answered with an error: the status is not 2xx. */
export class HttpError extends Error {
    override name = "HttpError";
    /** The status of the answer, such as 404. */
    readonly status: number;
    /** The `detail` of an answer of type application/problem+json. */
    readonly detail: string | undefined;
    /** The `hint` of such an answer: how to correct the error, from PostgreSQL. */
    readonly hint: string | undefined;

    constructor(status: number, detail?: string, hint?: string) {
        super(detail === undefined ? `HTTP status ${status}` : `HTTP status ${status}: ${detail}`);
        this.status = status;
        this.detail = detail;
        this.hint = hint;
    }
}

/** How to fetch a payload. */
export interface FetchOptions {
    /** Aborting the signal ends the transfer, and rejects the promise with the reason of the signal. */
    signal?: AbortSignal | undefined;
    /** Headers of the request. */
    headers?: Record<string, string> | undefined;
    /** Called after each part with the number of bytes received, and with their total if it is known. */
    onProgress?: ((received: number, total: number | undefined) => void) | undefined;
    /**
     * Returns the length of a payload, computed from its first bytes, or undefined
     * if they are not sufficient; see `compactLength`.  It gets 64 bytes, or fewer
     * if fewer have arrived.  It is called if the headers of the answer do not give
     * the length, for example of a coded body.
     */
    total?: ((firstBytes: Uint8Array<ArrayBuffer>) => number | undefined) | undefined;
    /**
     * A longer body is refused: after the headers if they give its length, or as
     * soon as more bytes have arrived.  The bytes are counted after the browser has
     * decoded them.  The default is 2^29, or 512 MiB.  Infinity removes the limit.
     */
    maxBytes?: number | undefined;
}

/** The length in bytes of a payload in layout compact, computed from its first four bytes. */
export function compactLength(firstBytes: Uint8Array): number | undefined {
    if (firstBytes.length < 4) return undefined;
    return 4 + 16 * new DataView(firstBytes.buffer, firstBytes.byteOffset).getUint32(0, true);
}

/**
 * Fetch the body of an answer into its own buffer.  Its byteOffset is 0, so that
 * layout compact is decoded without a copy.
 *
 * A length in the headers is reported and checked, but memory is allocated only
 * for bytes that have arrived.
 *
 * @throws HttpError if the status is not 2xx
 * @throws PayloadError if the body ends before the Content-Length, or is longer than maxBytes
 * @throws any error of fetch: TypeError if the network fails, or the reason of the signal
 */
export async function fetchPayload(url: string | URL, options: FetchOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { signal, headers, onProgress, total: totalOf, maxBytes = MAX_BYTES } = options;
    const response = await fetch(url, { ...(signal && { signal }), ...(headers && { headers }) });
    if (!response.ok) throw await httpError(response);

    let total = contentLength(response);
    return readBody(response, maxBytes, (parts, received) => {
        total ??= totalOf?.(join(parts, Math.min(received, 64)));
        onProgress?.(received, total);
    });
}

/** Read a body of at most maxBytes bytes; call onPart after each part. */
async function readBody(
    response: Response,
    maxBytes: number,
    onPart?: (parts: Uint8Array[], received: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
    const announced = contentLength(response);
    let received = 0;
    const parts: Uint8Array[] = [];
    const reader = response.body?.getReader();
    try {
        checkLength(announced ?? 0, maxBytes);
        for (let part; reader && !(part = await reader.read()).done; ) {
            received += part.value.length;
            checkLength(received, maxBytes);
            parts.push(part.value);
            onPart?.(parts, received);
        }
    } catch (error) {
        // The body is too long, or a callback has thrown: the rest is not needed.
        reader?.cancel().catch(() => {});
        throw error;
    }
    if (announced !== undefined && received < announced)
        throw new PayloadError(`the body ended after ${received} of ${announced} bytes`);
    return join(parts, received);
}

function checkLength(bytes: number, maxBytes: number): void {
    // Written this way, unlike with ">", NaN refuses every body.
    if (!(bytes <= maxBytes))
        throw new PayloadError(
            `the body has at least ${bytes} bytes, more than the limit of ${maxBytes}: ` +
                "to fetch it, pass a larger maxBytes, or Infinity for no limit",
        );
}

/** Copy the first bytes of the parts into a buffer of exactly this size. */
function join(parts: Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(size);
    let filled = 0;
    for (const part of parts) {
        if (filled === size) break;
        const fitting = part.subarray(0, size - filled);
        joined.set(fitting, filled);
        filled += fitting.length;
    }
    return joined;
}

/**
 * The length of the body as it will be read, if the headers give it.
 *
 * For a coded body, Content-Length is the length before decoding.  In an answer
 * from another origin, Content-Encoding is hidden unless the server exposes it.
 */
function contentLength(response: Response): number | undefined {
    const length = response.headers.get("Content-Length");
    const coding = response.headers.get("Content-Encoding");
    const isPlain = coding === null ? response.type !== "cors" : coding.toLowerCase() === "identity";
    return isPlain && length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

async function httpError(response: Response): Promise<HttpError> {
    const type = response.headers.get("Content-Type") ?? "";
    if (!/^application\/problem\+json\b/i.test(type)) {
        await response.body?.cancel();
        return new HttpError(response.status);
    }
    const problem: unknown = await readBody(response, MAX_PROBLEM_BYTES)
        .then((document) => JSON.parse(new TextDecoder().decode(document)))
        .catch(() => null);
    const { detail, hint } = (problem ?? {}) as { detail?: unknown; hint?: unknown };
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    return new HttpError(response.status, text(detail), text(hint));
}
