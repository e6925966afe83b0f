/** Links: the state of the page in the part of its address after "#". Pure functions. */

import { MAX_RULES, PALETTE, type Rule } from "./rules.ts";
import { VIRTUAL_SAMPLE } from "./umap.ts";

/** The point of the slide or UMAP at the centre of the screen; a pixel of the slide has 2^zoom
 * screen pixels. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

export interface Link {
  study?: string;
  sample?: string;   // also while the UMAP is shown, because the user can switch back
  view?: View;       // the whole slide if absent
  umap?: boolean;    // whether the UMAP is shown in place of the slide
  umapView?: View;   // the whole UMAP if absent
  rules?: Rule[];    // the default rules if absent
  hideOther: boolean;
  size: number;      // factor for the diameter of points
}

/** The sample whose cells the page shows. */
export const shownSample = (link: Link): string | undefined =>
  link.umap ? VIRTUAL_SAMPLE : link.sample;

export const shownView = (link: Link): View | undefined => link.umap ? link.umapView : link.view;

/** The link with another view of what it shows. */
export const withView = (link: Link, view: View | undefined): Link =>
  link.umap ? { ...link, umapView: view } : { ...link, view };

const round = (value: number, digits: number) => Number(value.toFixed(digits));

function formatView({ x, y, zoom }: View): string {
  const digits = Math.min(Math.max(0, Math.ceil(zoom)) + 1, 20);   // a tenth of a screen pixel
  return [round(x, digits), round(y, digits), round(zoom, 2)].join(",");
}

/** Format a link: `study=S&sample=T&view=x,y,zoom&umap=x,y,zoom&rule=COLOUR:A,B:C&other=hidden`.
 * encodeURIComponent encodes all separators in a name. `umap=` is the whole UMAP; without this
 * part, the link shows the slide. A single `rule=` is an empty list. */
export function format(link: Link): string {
  const parts: string[] = [];
  const add = (key: string, value: string) => parts.push(`${key}=${value}`);
  const list = (names: string[]) => names.map(encodeURIComponent).join(",");
  if (link.study !== undefined) {
    add("study", encodeURIComponent(link.study));
  }
  if (link.sample !== undefined) {
    add("sample", encodeURIComponent(link.sample));
  }
  if (link.view) {
    add("view", formatView(link.view));
  }
  if (link.umap) {
    add("umap", link.umapView ? formatView(link.umapView) : "");
  }
  link.rules?.forEach((rule) => {
    const negative = rule.negative.length ? `:${list(rule.negative)}` : "";
    add("rule", `${rule.colour.slice(1)}:${list(rule.positive)}${negative}`);
  });
  if (link.rules?.length === 0) {
    add("rule", "");
  }
  if (link.hideOther) {
    add("other", "hidden");
  }
  if (link.size !== 1) {
    add("size", String(link.size));
  }
  return parts.join("&");
}

/** Parse a link. `faults` has a sentence for each part that is ignored. */
export function parse(hash: string): { link: Link; faults: string[] } {
  const link: Link = { hideOther: false, size: 1 }, faults: string[] = [];
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const equals = part.indexOf("="), key = equals < 0 ? part : part.slice(0, equals);
    try {
      read(link, key, equals < 0 ? "" : part.slice(equals + 1));
    } catch (error) {
      // decodeURIComponent throws "URI malformed".
      const reason = error instanceof URIError ? "its percent-encoding is invalid"
        : (error as Error).message;
      faults.push(`The part “${part}” of the link was ignored: ${reason}.`);
    }
  }
  if (link.sample === VIRTUAL_SAMPLE) {   // a link that treats the UMAP as a slide
    const { sample, view, ...others } = link;
    return { link: { umapView: view, ...others, umap: true }, faults };
  }
  return { link, faults };
}

function parseView(value: string): View {
  // Some programs that send links encode the commas.
  const numbers = decodeURIComponent(value).split(",")
    .map((number) => number === "" ? NaN : Number(number));
  if (numbers.length !== 3 || !numbers.every(Number.isFinite)) {
    throw new Error("its value must be three numbers, x,y,zoom");
  }
  return { x: numbers[0]!, y: numbers[1]!, zoom: numbers[2]! };
}

function read(link: Link, key: string, value: string): void {
  switch (key) {
    case "study":
    case "sample":
      link[key] = decodeURIComponent(value);
      return;
    case "view":
      link.view = parseView(value);
      return;
    case "umap":
      link.umapView = value === "" ? undefined : parseView(value);
      link.umap = true;
      return;
    case "rule": {
      link.rules ??= [];
      if (value === "") {
        return;
      }
      if (link.rules.length === MAX_RULES) {
        throw new Error(`a link can have at most ${MAX_RULES} rules`);
      }
      const [colour, positive = "", negative = "", ...rest] = value.split(":");
      if (rest.length) {
        throw new Error("its value must have the form COLOUR:positive features:negative features");
      }
      if (colour && !/^[0-9a-f]{6}$/i.test(colour)) {
        throw new Error("its colour must have six hexadecimal digits");
      }
      const list = (names: string) =>
        [...new Set(names.split(",").filter(Boolean).map(decodeURIComponent))];
      link.rules.push({
        colour: colour ? `#${colour.toLowerCase()}` : PALETTE[link.rules.length]!,
        positive: list(positive),
        negative: list(negative),
      });
      return;
    }
    case "other":
      if (value !== "hidden" && value !== "shown") {
        throw new Error("its value must be “hidden” or “shown”");
      }
      link.hideOther = value === "hidden";
      return;
    case "size": {
      const size = Number(value);
      if (!(size >= 0.5 && size <= 3)) {
        throw new Error("its value must be a number from 0.5 to 3");
      }
      link.size = size;
      return;
    }
    default:
      throw new Error("the viewer does not know this part");
  }
}
