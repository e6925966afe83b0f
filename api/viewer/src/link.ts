/** What the page shows, as the part of its address behind "#", and back. Pure. */

import { MAX_RULES, PALETTE, type Rule } from "./rules.ts";

/** The place of the slide at the centre of the screen; 2^zoom screen pixels for each of the slide's. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

export interface Link {
  study?: string;
  sample?: string;
  view?: View;      // without: the whole slide
  rules?: Rule[];   // without: the default rules
  hideOther: boolean;
  size: number;     // of the points, relative
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** `study=S&sample=T&view=x,y,zoom&rule=COLOUR:A,B:C&other=hidden`. encodeURIComponent leaves none of the
 * separators in a name. A single `rule=` is an empty list. */
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
    const { x, y, zoom } = link.view;
    const digits = Math.min(Math.max(0, Math.ceil(zoom)) + 1, 20);   // a tenth of a screen pixel
    add("view", [round(x, digits), round(y, digits), round(zoom, 2)].join(","));
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

/** The link, and a sentence for each part of it that cannot be read; those parts are left out. */
export function parse(hash: string): { link: Link; faults: string[] } {
  const link: Link = { hideOther: false, size: 1 }, faults: string[] = [];
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const equals = part.indexOf("="), key = equals < 0 ? part : part.slice(0, equals);
    try {
      read(link, key, equals < 0 ? "" : part.slice(equals + 1));
    } catch (error) {
      // decodeURIComponent throws "URI malformed".
      faults.push(`“${part}” in the link cannot be read: ${error instanceof URIError ? "a percent sign starts no character" : (error as Error).message}.`);
    }
  }
  return { link, faults };
}

function read(link: Link, key: string, value: string): void {
  switch (key) {
    case "study":
    case "sample":
      link[key] = decodeURIComponent(value);
      return;
    case "view": {
      // Some programs that send links encode what needs no encoding.
      const numbers = decodeURIComponent(value).split(",").map((number) => number === "" ? NaN : Number(number));
      if (numbers.length !== 3 || !numbers.every(Number.isFinite)) {
        throw new Error("a view is three numbers, x,y,zoom");
      }
      link.view = { x: numbers[0]!, y: numbers[1]!, zoom: numbers[2]! };
      return;
    }
    case "rule": {
      link.rules ??= [];
      if (value === "") {
        return;
      }
      if (link.rules.length === MAX_RULES) {
        throw new Error(`there are at most ${MAX_RULES} rules`);
      }
      const [colour, positive = "", negative = "", ...rest] = value.split(":");
      if (rest.length) {
        throw new Error("a rule is COLOUR:positive features:negative features");
      }
      if (colour && !/^[0-9a-f]{6}$/i.test(colour)) {
        throw new Error("a colour is six hexadecimal digits");
      }
      const list = (names: string) => [...new Set(names.split(",").filter(Boolean).map(decodeURIComponent))];
      link.rules.push({
        colour: colour ? `#${colour.toLowerCase()}` : PALETTE[link.rules.length]!,
        positive: list(positive),
        negative: list(negative),
      });
      return;
    }
    case "other":
      if (value !== "hidden" && value !== "shown") {
        throw new Error("the others are “hidden” or “shown”");
      }
      link.hideOther = value === "hidden";
      return;
    case "size": {
      const size = Number(value);
      if (!(size >= 0.5 && size <= 3)) {
        throw new Error("the size is a number from 0.5 to 3");
      }
      link.size = size;
      return;
    }
    default:
      throw new Error("it is no part that this page knows");
  }
}
