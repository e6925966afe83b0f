/** Which cells get which colour. Pure: what is drawn is decided in the shader, which reads what `pack` makes. */

import type { Features } from "cell-binary";

/** Cells that have all positive features and none of the negative ones. Without features: no cell. */
export interface Rule {
  colour: string;   // "#rrggbb"
  positive: string[];
  negative: string[];
}

export const MAX_RULES = 16;
export const OTHER_COLOUR = "#5b6573";

/** Okabe and Ito's colours, then some of Paul Tol's: told apart by the colour-blind, and bright enough on black. */
export const PALETTE = [
  "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#ffffff",
  "#88ccee", "#ddcc77", "#44aa99", "#cc6677", "#999933", "#aa4499", "#ee8866", "#bbcc33",
];

export const nextColour = (rules: readonly Rule[]): string =>
  PALETTE.find((colour) => !rules.some((rule) => rule.colour === colour)) ?? "#ffffff";

export const nameOf = (rule: Rule): string =>
  [...rule.positive.map((name) => `${name}+`), ...rule.negative.map((name) => `${name}-`)].join(" ") || "No features yet";

export const isEmpty = (rule: Rule): boolean => rule.positive.length + rule.negative.length === 0;

/** Four words for each rule, as the shader has them: the bits that must be set, 0 to 31 and 32 to 63, and those that must not. */
export function compile(rules: readonly Rule[], features: Features): Int32Array {
  const words = new Int32Array(4 * rules.length);
  rules.forEach((rule, place) => {
    const all = features.phenotypes(...rule.positive), none = features.phenotypes(...rule.negative);
    // Without features: bit 0 set and not set, which no cell is.
    const halves = isEmpty(rule) ? [1n, 0n, 1n, 0n] : [all, all >> 32n, none, none >> 32n];
    words.set(halves.map((half) => Number(BigInt.asIntN(32, half))), 4 * place);
  });
  return words;
}

/** The first rule that matches a cell's phenotypes, given as two words, or -1. */
export function ruleOf(compiled: Int32Array, low: number, high: number): number {
  for (let at = 0; at < compiled.length; at += 4) {
    // What is missing of the one and there of the other.
    if ((~low & compiled[at]! | ~high & compiled[at + 1]! | low & compiled[at + 2]! | high & compiled[at + 3]!) === 0) {
      return at / 4;
    }
  }
  return -1;
}

/** Add up the cells from one to another: `counts` has one number for each rule, and behind them that of no rule. */
export function count(phenotypeWords: Uint32Array, compiled: Int32Array, from: number, to: number, counts: number[]): void {
  for (let word = 4 * from + 2; word < 4 * to; word += 4) {
    const rule = ruleOf(compiled, phenotypeWords[word]!, phenotypeWords[word + 1]!);
    counts[rule < 0 ? compiled.length / 4 : rule]!++;
  }
}

/** In how many cells each of the 64 features is positive. */
export function frequencies(phenotypeWords: Uint32Array): number[] {
  // Counting the bytes first is one addition for eight bits.
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

/** One rule for each of the six most frequent features that fewer than half of the cells have, the rarest first:
 * the first rule that fits gives the colour, so that the frequent ones do not hide the others. */
export function defaultRules(names: readonly string[], frequency: readonly number[], cells: number): Rule[] {
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

/** Bytes of the uniform block `rules` in std140: each element of an array starts at a multiple of 16. */
export const RULES_BYTES = 16 * MAX_RULES * 2 + 16 + 16;

/** The uniform block: words of the rules, their colours, the colour of the others (alpha 0 hides), number of rules. */
export function pack(compiled: Int32Array, colours: readonly string[], hideOther: boolean): ArrayBuffer {
  const block = new ArrayBuffer(RULES_BYTES);
  const integers = new Int32Array(block), floats = new Float32Array(block);
  integers.set(compiled);
  colours.forEach((colour, rule) => floats.set(rgba(colour), 4 * (MAX_RULES + rule)));
  floats.set(rgba(OTHER_COLOUR, hideOther ? 0 : 1), 8 * MAX_RULES);
  integers[8 * MAX_RULES + 4] = colours.length;
  return block;
}
