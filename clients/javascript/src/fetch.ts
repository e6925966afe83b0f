import { PayloadError } from "./errors.js";

/** More than any payload of the default maxCells takes, which is at most 336 MB. */
const MAX_BYTES = 2 ** 29;

/** A problem document is a few sentences. */
const MAX_PROBLEM_BYTES = 2 ** 16;

/** The answer is not a payload but an error: its status is not 2xx. */
export class HttpError extends Error {
    override name = "HttpError";
    /** The status of the answer, as 404. */
    readonly status: number;
    /** What an answer of type application/problem+json says in `detail`. */
    readonly detail: string | undefined;
    /** What to do about it, where the API tells: the hint of PostgreSQL. */
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
    /** Ends the transfer when it is aborted; the promise is then rejected with its reason. */
    signal?: AbortSignal | undefined;
    /** Headers of the request. */
    headers?: Record<string, string> | undefined;
    /** Hears after each part how many bytes of the payload have come, and of how many if that is known. */
    onProgress?: ((received: number, total: number | undefined) => void) | undefined;
    /**
     * Tells from the first bytes of a payload (64, or fewer as long as no more
     * have come) how long it is, or undefined; see `compactLength`.  It is
     * asked where the answer's headers do not tell, as for a coded body.
     */
    total?: ((firstBytes: Uint8Array<ArrayBuffer>) => number | undefined) | undefined;
    /**
     * A longer body is refused: after its headers, if they tell its length, or
     * when more bytes have come, counted after the browser has undone a content
     * coding.  By default 2^29, which are 512 MiB; Infinity lifts the limit.
     */
    maxBytes?: number | undefined;
}

/** The length in bytes of a payload in layout compact, known from its first four bytes. */
export function compactLength(firstBytes: Uint8Array): number | undefined {
    if (firstBytes.length < 4) return undefined;
    return 4 + 16 * new DataView(firstBytes.buffer, firstBytes.byteOffset).getUint32(0, true);
}

/**
 * The body of an answer, in a buffer of its own: its byteOffset is 0, so that
 * layout compact is decoded without a copy.
 *
 * What a header announces is shown and compared, but memory is taken only for
 * what has come.
 *
 * @throws HttpError if the status is not 2xx
 * @throws PayloadError if the body ends before the Content-Length, or is longer than maxBytes
 * @throws whatever fetch throws: TypeError if the network fails, the signal's reason
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

/** The body of an answer of at most that length; onPart hears of each part. */
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
        // It is too long, or a callback has thrown: nobody wants the rest.
        reader?.cancel().catch(() => {});
        throw error;
    }
    if (announced !== undefined && received < announced)
        throw new PayloadError(`the body ended after ${received} of ${announced} bytes`);
    return join(parts, received);
}

function checkLength(bytes: number, maxBytes: number): void {
    // So, and not with ">", NaN refuses all.
    if (!(bytes <= maxBytes))
        throw new PayloadError(
            `the body has at least ${bytes} bytes, more than the limit of ${maxBytes}: ` +
                "to fetch it, pass a larger maxBytes, or Infinity for no limit",
        );
}

/** The first bytes of parts, in a buffer of exactly that size. */
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
 * The length of the body as it will be read, if the headers tell.
 *
 * Of a coded body Content-Length is another one, and in an answer from another
 * origin Content-Encoding is hidden unless the server exposes it.
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
