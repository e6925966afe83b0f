/** Requests to the service, at addresses relative to the page, and messages for their errors. */

import {
  compactLength, decode, Features, fetchPayload, HttpError, PayloadError, type Cells,
} from "cell-binary";
import { measure } from "./timing.ts";
import { nameOf } from "./umap.ts";

/** An error with a message for the user. */
export class Problem extends Error {
  constructor(readonly title: string, readonly detail: string, readonly again: boolean,
              readonly hint?: string, readonly status?: number) {
    super(`${title} ${detail}`);
  }
}

type Parameters = Record<string, string>;

const address = (endpoint: string, parameters: Parameters = {}) => {
  const query = new URLSearchParams(parameters).toString();
  return new URL(`../${endpoint}/${query && `?${query}`}`, document.baseURI).href;
};

async function json<T>(what: string, endpoint: string, parameters: Parameters, signal: AbortSignal,
                       read: (document: any) => T): Promise<T> {
  let document: unknown;
  try {
    const response = await fetch(address(endpoint, parameters), { signal });
    if (!response.ok) {
      throw ofStatus(what, response.status, await response.json().catch(() => ({})));
    }
    document = await response.json();
  } catch (error) {
    throw inWords(what, error);
  }
  try {
    return read(document);
  } catch (error) {
    throw new Problem(`The answer to the request for ${what} has an unexpected form.`,
                      (error as Error).message, true);
  }
}

function strings(values: unknown[]): string[] {
  if (!values.every((value) => typeof value === "string")) {
    throw new TypeError("A name is not a string.");
  }
  return values as string[];
}

export const studies = (signal: AbortSignal): Promise<string[]> =>
  json("the studies", "study-names", {}, signal,
       (list) => strings(list.map((study: { handle: string }) => study.handle)));

export const samples = (study: string, signal: AbortSignal): Promise<string[]> =>
  json("the samples", "samples", { study }, signal, (document) => strings(document.samples));

export const features = (study: string, signal: AbortSignal): Promise<Features> =>
  json("the features", "cell-data-binary-feature-names", { study }, signal,
       (document) => Features.fromJSON(document));

type OnProgress = (received: number, total: number | undefined) => void;

export async function cells(study: string, sample: string, signal: AbortSignal,
                            onProgress: OnProgress): Promise<Cells> {
  try {
    const asked = performance.now();
    const payload = await fetchPayload(
      address("cell-data-binary", { study, sample, layout: "compact" }),
      { signal, onProgress, total: compactLength });
    measure("transfer", asked);
    const received = performance.now(), cells = decode(payload, "compact");
    measure("decode", received);
    return cells;
  } catch (error) {
    throw inWords(`the cells of ${nameOf(sample)}`, error);
  }
}

interface Details {
  detail?: unknown;
  hint?: unknown;
}

function ofStatus(what: string, status: number, { detail, hint }: Details): Problem {
  const title = status === 503
    ? `The service is temporarily unable to return ${what} (status 503).`
    : `The service did not return ${what} (status ${status}).`;
  return new Problem(title, typeof detail === "string" ? detail : "The service gave no reason.",
                     status >= 500 || status === 408 || status === 429,
                     typeof hint === "string" ? hint : undefined, status);
}

/** The error as a Problem. An aborted request stays an AbortError, which the user does not see. */
function inWords(what: string, error: unknown): unknown {
  if (error instanceof Problem || error instanceof DOMException && error.name === "AbortError") {
    return error;
  }
  if (error instanceof HttpError) {
    return ofStatus(what, error.status, error);
  }
  if (error instanceof PayloadError) {
    return new Problem(`The answer to the request for ${what} is not a complete payload.`, error.message, true);
  }
  if (error instanceof SyntaxError) {
    return new Problem(`The answer to the request for ${what} is not JSON.`, error.message, true);
  }
  if (error instanceof TypeError) {   // thrown by fetch if there is no connection, or it breaks
    return new Problem(`The connection failed before ${what} arrived.`,
                       `Check the network and the service. (${error.message})`, true);
  }
  if (error instanceof RangeError) {   // thrown by a typed array that cannot get memory
    return new Problem(`There is not enough memory for ${what}.`, error.message, true);
  }
  return error;
}
