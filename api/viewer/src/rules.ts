/** The rules that colour cells, as pure functions; the shader applies what `pack` encodes. */

import type { Features } from "cell-binary";

/** Matches cells that are positive for all features of `positive` and for none of `negative`.
 * A rule without features matches no cell. */
export interface Rule {
  colour: string;   // "#rrggbb"
  positive: string[];
  negative: string[];
}

export const MAX_RULES = 16;
export const OTHER_COLOUR = "#5b6573";

/** Okabe and Ito's colours, then some of Paul Tol's: colour-blind people can distinguish them, and
 * they are bright enough on black. */
export const PALETTE = [
  "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#ffffff",
  "#88ccee", "#ddcc77", "#44aa99", "#cc6677", "#999933", "#aa4499", "#ee8866", "#bbcc33",
];

export const nextColour = (rules: readonly Rule[]): string =>
  PALETTE.find((colour) => !rules.some((rule) => rule.colour === colour)) ?? "#ffffff";

export const nameOf = (rule: Rule): string =>
  [...rule.positive.map((name) => `${name}+`), ...rule.negative.map((name) => `${name}-`)]
    .join(" ") || "No features yet";

export const isEmpty = (rule: Rule): boolean => rule.positive.length + rule.negative.length === 0;

/** Four words for each rule, as in the shader: the bits 0 to 31 and 32 to 63 that must be set, and
 * those that must be clear. */
export function compile(rules: readonly Rule[], features: Features): Int32Array {
  const words = new Int32Array(4 * rules.length);
  rules.forEach((rule, place) => {
    const all = features.phenotypes(...rule.positive), none = features.phenotypes(...rule.negative);
    // A rule without features wants bit 0 both set and clear, which matches no cell.
    const halves = isEmpty(rule) ? [1n, 0n, 1n, 0n] : [all, all >> 32n, none, none >> 32n];
    words.set(halves.map((half) => Number(BigInt.asIntN(32, half))), 4 * place);
  });
  return words;
}

/** The first rule that matches a cell's phenotypes, given in two halves, or -1. */
export function ruleOf(compiled: Int32Array, low: number, high: number): number {
  for (let at = 0; at < compiled.length; at += 4) {
    const missing = ~low & compiled[at]! | ~high & compiled[at + 1]!;
    const forbidden = low & compiled[at + 2]! | high & compiled[at + 3]!;
    if ((missing | forbidden) === 0) {
      return at / 4;
    }
  }
  return -1;
}

/** Add the cells from one index to another to `counts`, which has a number for each rule and then
 * the number of cells that match no rule. */
export function count(phenotypeWords: Uint32Array, compiled: Int32Array, from: number, to: number,
                      counts: number[]): void {
  for (let word = 4 * from + 2; word < 4 * to; word += 4) {
    const rule = ruleOf(compiled, phenotypeWords[word]!, phenotypeWords[word + 1]!);
    counts[rule < 0 ? compiled.length / 4 : rule]!++;
  }
}

/** For each of the 64 features, the number of cells that are positive for it. */
export function frequencies(phenotypeWords: Uint32Array): number[] {
  // Counting bytes first needs one addition for eight bits.
  const bytes = new Uint32Array(8 * 256);
  for (let word = 2; word < phenotypeWords.length; word += 4) {
    for (let half = 0; half < 2; half++) {
      const bits = phenotypeWords[word + half]!, base = 1024 * half;
      bytes[base + (bits & 255)]!++;
      bytes[base + 256 + (bits >>> 8 & 255)]!++;
      bytes[base + 512 + (bits >>> 16 & 255)]!++;
      bytes[base + 768 + (bits >>> 24)]!++;
    }
  }
  return Array.from({ length: 64 }, (_, bit) => {
    let sum = 0;
    for (let value = 0; value < 256; value++) {
      sum += value >> (bit & 7) & 1 && bytes[256 * (bit >> 3) + value]!;
    }
    return sum;
  });
}

/** One rule for each of the six most frequent features that fewer than half of the cells are
 * positive for. The rarest feature comes first; otherwise the frequent ones would hide it. */
export function defaultRules(names: readonly string[], frequency: readonly number[],
                             cells: number): Rule[] {
  return names
    .map((name, bit) => ({ name, cells: frequency[bit] ?? 0 }))
    .filter((feature) => feature.cells > 0 && feature.cells < cells / 2)
    .sort((a, b) => b.cells - a.cells)
    .slice(0, 6)
    .reverse()
    .map((feature, place) => ({ colour: PALETTE[place]!, positive: [feature.name], negative: [] }));
}

const rgba = (colour: string, alpha = 1): number[] =>
  [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).concat(alpha);

/** Bytes of the uniform block `rules` in std140, where each element of an array has 16 bytes. */
export const RULES_BYTES = 16 * MAX_RULES * 2 + 16 + 16;

/** The uniform block: the words of the rules, their colours, the colour of the other cells (alpha 0
 * hides them), and the number of rules. */
export function pack(compiled: Int32Array, colours: readonly string[],
                     hideOther: boolean): ArrayBuffer {
  const block = new ArrayBuffer(RULES_BYTES);
  const integers = new Int32Array(block), floats = new Float32Array(block);
  integers.set(compiled);
  colours.forEach((colour, rule) => floats.set(rgba(colour), 4 * (MAX_RULES + rule)));
  floats.set(rgba(OTHER_COLOUR, hideOther ? 0 : 1), 8 * MAX_RULES);
  integers[8 * MAX_RULES + 4] = colours.length;
  return block;
}
