// fetchPayload, with a server in this process.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { compactLength, decode, fetchPayload, HttpError, PayloadError } from "cell-binary";
import { named, rows } from "./vectors.js";

const payload = named("compact: 1027 cells");
const answers = {
    "/plain": (response) => {
        response.setHeader("Content-Length", payload.length);
        sendInParts(response, [payload.subarray(0, 2), payload.subarray(2, 6000), payload.subarray(6000)]);
    },
    "/chunked": (response) => sendInParts(response, [payload.subarray(0, 2), payload.subarray(2)]),
    "/gzip": (response) => {
        const coded = gzipSync(payload);
        response.setHeader("Content-Encoding", "gzip");
        response.setHeader("Content-Length", coded.length);
        sendInParts(response, [coded]);
    },
    "/empty": (response) => response.end(),
    "/cut": (response) => {
        response.setHeader("Content-Length", payload.length);
        response.write(payload.subarray(0, 100), () => setTimeout(() => response.destroy(), 20));
    },
    "/endless": (response) => response.write(payload.subarray(0, 100)),
    "/problem": (response) => {
        response.writeHead(404, { "Content-Type": "application/problem+json; charset=utf-8" });
        response.end('{"title":"Not Found","status":404,"detail":"study \\"s\\" has no sample \\"x\\"","hint":"There is y."}');
    },
    "/odd-problem": (response) => {
        response.writeHead(503, { "Content-Type": "application/problem+json" });
        response.end("{");
    },
    "/json": (response) => {
        response.writeHead(500, { "Content-Type": "application/json" });
        response.end('{"detail":"of something else"}');
    },
    "/page": (response) => {
        response.writeHead(502, { "Content-Type": "text/html" });
        response.end("<html>bad gateway</html>");
    },
};

/** Send each part only after the client has reported the previous one, so that they arrive separately. */
async function sendInParts(response, parts) {
    for (const part of parts) {
        const heard = new Promise((resolve) => (heardOf = resolve));
        response.write(part);
        await heard;
    }
    response.end();
}

let heardOf;
let requests;
let server;
let origin;

/** Fetch, and record the calls of onProgress. */
async function fetched(path, options) {
    const heard = [];
    const onProgress = (received, total) => {
        heard.push([received, total]);
        heardOf?.();
    };
    return { bytes: await fetchPayload(origin + path, { onProgress, ...options }), heard };
}

function checkProgress(heard, total) {
    const received = heard.map(([received]) => received);
    assert.deepEqual(received, [...received].sort((a, b) => a - b));
    assert.equal(received.at(-1), payload.length);
    assert.equal(heard.at(-1)[1], total);
}

describe("from a server", () => {
    before(async () => {
        requests = [];
        server = createServer((request, response) => {
            requests.push(request);
            answers[request.url](response);
        });
        await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
        origin = `http://127.0.0.1:${server.address().port}`;
    });
    after(() => {
        server.closeAllConnections();
        server.close();
    });

    it("a body of known length, in several parts", async () => {
        const { bytes, heard } = await fetched("/plain");
        assert.deepEqual(bytes, payload);
        assert.equal(bytes.byteOffset, 0);
        assert.equal(bytes.buffer.byteLength, payload.length);
        assert.equal(decode(bytes).bytes.buffer, bytes.buffer);
        assert.deepEqual(rows(decode(bytes)), rows(decode(payload)));
        assert.deepEqual(heard.map(([received]) => received), [2, 6000, payload.length]);
        assert.ok(heard.every(([, total]) => total === payload.length));
        checkProgress(heard, payload.length);
    });

    it("a body of unknown length", async () => {
        const { bytes, heard } = await fetched("/chunked");
        assert.deepEqual(bytes, payload);
        assert.equal(bytes.byteOffset, 0);
        checkProgress(heard, undefined);
    });

    it("a body of unknown length whose first bytes give it", async () => {
        const { heard } = await fetched("/chunked", { total: compactLength });
        assert.deepEqual(heard[0], [2, undefined]);
        checkProgress(heard, payload.length);
    });

    it("a coded body: Content-Length is not the length of the payload", async () => {
        const { bytes, heard } = await fetched("/gzip");
        assert.deepEqual(bytes, payload);
        checkProgress(heard, undefined);
        checkProgress((await fetched("/gzip", { total: compactLength })).heard, payload.length);
    });

    it("a coded body that exceeds maxBytes when decoded", async () => {
        answers["/bomb"] = (response) => {
            response.setHeader("Content-Encoding", "gzip");
            response.end(gzipSync(new Uint8Array(2 ** 24)));
        };
        await assert.rejects(fetched("/bomb", { maxBytes: 2 ** 20 }), {
            name: "PayloadError",
            message: /^the body has at least \d+ bytes, more than the limit of 1048576: /,
        });
    });

    it("total gets the first bytes, at most 64", async () => {
        const seen = [];
        await fetched("/chunked", { total: (first) => void seen.push(first.slice()) });
        assert.deepEqual(seen[0], payload.slice(0, 2));
        assert.deepEqual(seen.at(-1), payload.slice(0, 64));
    });

    it("compactLength", () => {
        assert.equal(compactLength(payload), payload.length);
        assert.equal(compactLength(payload.subarray(0, 4)), payload.length);
        assert.equal(compactLength(payload.subarray(0, 3)), undefined);
        assert.equal(compactLength(Uint8Array.of(9, 255, 255, 255, 255).subarray(1)), 4 + 16 * (2 ** 32 - 1));
    });

    it("an empty body", async () => {
        const { bytes } = await fetched("/empty");
        assert.equal(bytes.length, 0);
        assert.throws(() => decode(bytes), PayloadError);
    });

    it("headers of the request", async () => {
        await fetched("/plain", { headers: { "X-Sample": "a" } });
        assert.equal(requests.at(-1).headers["x-sample"], "a");
    });

    it("an error with a problem document", async () => {
        await assert.rejects(fetched("/problem"), (error) => {
            assert.ok(error instanceof HttpError && error instanceof Error);
            assert.equal(error.name, "HttpError");
            assert.equal(error.status, 404);
            assert.equal(error.detail, 'study "s" has no sample "x"');
            assert.equal(error.hint, "There is y.");
            assert.equal(error.message, 'HTTP status 404: study "s" has no sample "x"');
            return true;
        });
    });

    it("errors without a problem document", async () => {
        await assert.rejects(fetched("/json"), { status: 500, detail: undefined, hint: undefined, message: "HTTP status 500" });
        await assert.rejects(fetched("/page"), { status: 502, detail: undefined, hint: undefined, message: "HTTP status 502" });
        await assert.rejects(fetched("/odd-problem"), { status: 503, detail: undefined, hint: undefined, message: "HTTP status 503" });
    });

    it("a connection that breaks", async () => {
        await assert.rejects(fetched("/cut"));
    });

    it("aborting", async () => {
        const controller = new AbortController();
        const onProgress = () => controller.abort();
        await assert.rejects(fetched("/endless", { signal: controller.signal, onProgress }), { name: "AbortError" });
        await assert.rejects(fetched("/plain", { signal: AbortSignal.abort() }), { name: "AbortError" });
    });

    it("an error in a callback ends the transfer", async () => {
        const closed = new Promise((resolve) => {
            answers["/endless-observed"] = (response) => {
                response.on("close", resolve);
                response.write(payload.subarray(0, 100));
            };
        });
        const onProgress = () => {
            throw new Error("of the callback");
        };
        await assert.rejects(fetched("/endless-observed", { onProgress }), { message: "of the callback" });
        await closed;
    });
});

/** Fetch with a fetch() that returns this answer. */
async function fetchedFrom(response, options) {
    const { fetch } = globalThis;
    globalThis.fetch = async () => response;
    try {
        return await fetched("/", options);
    } finally {
        globalThis.fetch = fetch;
    }
}

describe("limits", () => {
    /** An answer that never ends, and the number of bytes read from it. */
    function endless(headers, status = 200) {
        const sent = { bytes: 0, cancelled: false };
        const body = new ReadableStream({
            pull(controller) {
                assert.ok(sent.bytes < 2 ** 24, "the client reads without end");
                controller.enqueue(new Uint8Array(1000));
                sent.bytes += 1000;
            },
            cancel: () => void (sent.cancelled = true),
        });
        return { sent, response: new Response(body, { status, headers }) };
    }

    const refused = (atLeast, maxBytes) => ({
        name: "PayloadError",
        message:
            `the body has at least ${atLeast} bytes, more than the limit of ${maxBytes}: ` +
            "to fetch it, pass a larger maxBytes, or Infinity for no limit",
    });

    it("a body of maxBytes", async () => {
        for (const maxBytes of [100, 101, Infinity, undefined])
            assert.equal((await fetchedFrom(new Response(new Uint8Array(100)), { maxBytes })).bytes.length, 100);
    });

    it("a body that does not end", async () => {
        const { sent, response } = endless();
        await assert.rejects(fetchedFrom(response, { maxBytes: 5000 }), refused(6000, 5000));
        assert.ok(sent.cancelled);
        assert.ok(sent.bytes < 10_000);
    });

    it("a Content-Length over the limit: nothing is read", async () => {
        for (const [length, maxBytes] of [[5001, 5000], [2 ** 29 + 1, undefined]]) {
            const { sent, response } = endless({ "Content-Length": length });
            await assert.rejects(fetchedFrom(response, { maxBytes }), refused(length, maxBytes ?? 2 ** 29));
            assert.ok(sent.cancelled);
            assert.ok(sent.bytes <= 1000); // read ahead by the stream itself
        }
    });

    it("maxBytes that is not a number refuses every body", async () => {
        for (const maxBytes of [NaN, "x", null])
            await assert.rejects(fetchedFrom(new Response(new Uint8Array(100)), { maxBytes }), PayloadError);
    });

    it("a problem document that does not end", async () => {
        const { sent, response } = endless({ "Content-Type": "application/problem+json" }, 500);
        await assert.rejects(fetchedFrom(response), { name: "HttpError", status: 500, detail: undefined });
        assert.ok(sent.cancelled);
        assert.ok(sent.bytes < 100_000);
    });
});

describe("answers that a server of Node cannot give", () => {
    it("a body that ends before the Content-Length", async () => {
        const response = new Response(payload.slice(0, 100), { headers: { "Content-Length": "101" } });
        await assert.rejects(fetchedFrom(response), {
            name: "PayloadError",
            message: "the body ended after 100 of 101 bytes",
        });
    });

    it("an impossible Content-Length takes no memory", async () => {
        const response = new Response(payload.slice(0, 100), { headers: { "Content-Length": "9007199254740991" } });
        await assert.rejects(fetchedFrom(response), PayloadError);
        const body = Uint8Array.of(255, 255, 255, 255);
        const { bytes } = await fetchedFrom(new Response(body), { total: compactLength });
        assert.deepEqual(bytes, body);
    });

    it("the Content-Length of another origin may be that of a coded body", async () => {
        const response = new Response(payload.slice(0, 100), { headers: { "Content-Length": "150" } });
        Object.defineProperty(response, "type", { value: "cors" });
        const { bytes, heard } = await fetchedFrom(response);
        assert.equal(bytes.length, 100);
        assert.deepEqual(heard.at(-1), [100, undefined]);
    });

    it("coding identity means no coding", async () => {
        const headers = { "Content-Length": "100", "Content-Encoding": "identity" };
        const { heard } = await fetchedFrom(new Response(payload.slice(0, 100), { headers }));
        assert.deepEqual(heard.at(-1), [100, 100]);
    });

    it("an answer without a body", async () => {
        const { bytes } = await fetchedFrom(new Response(null, { status: 204 }));
        assert.equal(bytes.length, 0);
    });
});
