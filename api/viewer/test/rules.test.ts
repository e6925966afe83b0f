import { Features } from "cell-binary";
import { expect, test } from "vitest";
import {
  compile, count, defaultRules, frequencies, MAX_RULES, nameOf, nextColour, OTHER_COLOUR, pack,
  PALETTE, ruleOf, RULES_BYTES, type Rule,
} from "../src/rules.ts";

const features = new Features(Array.from({ length: 64 }, (_, bit) => `F${bit}`));
const names = (bits: number[]) => bits.map((bit) => `F${bit}`);
const rule = (positive: number[], negative: number[] = [], colour = "#ffffff"): Rule =>
  ({ colour, positive: names(positive), negative: names(negative) });

/** The words of a payload whose cells have these bits. */
function cells(...bits: number[][]): Uint32Array {
  const words = new Uint32Array(4 * bits.length);
  bits.forEach((set, cell) => set.forEach((bit) => {
    words[4 * cell + 2 + (bit >> 5)]! |= 1 << (bit & 31);
  }));
  return words;
}

test("the first rule that matches counts a cell, at both ends of both halves", () => {
  const words = cells([0], [31], [32], [63], [31, 32], [], [0, 63]);
  const compiled = compile([rule([31], [32]), rule([63]), rule([], [0, 31]), rule([0])], features);
  const counts = [0, 0, 0, 0, 0];
  count(words, compiled, 0, 3, counts);
  expect(counts).toEqual([1, 0, 1, 1, 0]);
  count(words, compiled, 3, 7, counts);
  expect(counts).toEqual([1, 2, 2, 1, 1]);
});

test("a rule without features matches no cell", () => {
  const compiled = compile([rule([])], features);
  expect(ruleOf(compiled, 0, 0)).toBe(-1);
  expect(ruleOf(compiled, -1, -1)).toBe(-1);
  expect(nameOf(rule([]))).toBe("No features yet");
});

test("the name of a rule", () => expect(nameOf(rule([3, 8], [4]))).toBe("F3+ F8+ F4-"));

test("frequencies of all 64 bits", () => {
  const frequency = frequencies(cells([0, 31, 32, 63], [0, 63], [63, 7, 8, 39, 40, 55, 56]));
  const expected = new Array(64).fill(0);
  [0, 0, 31, 32, 63, 63, 63, 7, 8, 39, 40, 55, 56].forEach((bit) => expected[bit]++);
  expect(frequency).toEqual(expected);
});

test("default rules: the six most frequent features below half of the cells, rarest first", () => {
  const names = ["all", "half", "a", "b", "c", "none", "d", "e", "f", "g"];
  const chosen = defaultRules(names, [10, 5, 4, 4, 3, 0, 2, 2, 2, 1], 10);
  expect(chosen.map((rule) => rule.positive)).toEqual([["f"], ["e"], ["d"], ["c"], ["b"], ["a"]]);
  expect(chosen.map((rule) => rule.colour)).toEqual(PALETTE.slice(0, 6));
  expect(defaultRules([], new Array(64).fill(0), 0)).toEqual([]);
});

test("each rule has a colour of its own", () => {
  expect(new Set(PALETTE).size).toBe(MAX_RULES);
  expect(nextColour([rule([], [], PALETTE[1]), rule([], [], PALETTE[0])])).toBe(PALETTE[2]);
});

test("the uniform block has the layout std140", () => {
  const compiled = compile([rule([0, 63], [31]), rule([33])], features);
  const block = pack(compiled, ["#ff8000", "#0000ff"], false);
  expect(block.byteLength).toBe(RULES_BYTES);
  const words = new Uint32Array(block), floats = new Float32Array(block);
  expect([...words.subarray(0, 8)]).toEqual([1, 0x80000000, 0x80000000, 0, 0, 2, 0, 0]);
  expect([...floats.subarray(64, 72)]).toEqual([1, Math.fround(128 / 255), 0, 1, 0, 0, 1, 1]);
  expect(floats[128]).toBeCloseTo(parseInt(OTHER_COLOUR.slice(1, 3), 16) / 255);
  expect(floats[131]).toBe(1);
  expect(words[132]).toBe(2);
  expect(new Float32Array(pack(compiled, ["#ff8000", "#0000ff"], true))[131]).toBe(0);
});
