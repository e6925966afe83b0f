import { expect, test } from "vitest";
import { format, parse, shownSample, shownView, withView, type Link } from "../src/link.ts";
import { PALETTE } from "../src/rules.ts";

const odd = ["<b>", "A&B=C", "a+b", "~", "x y", "µ-Ω 細胞", "1,2:3;4", "%41", "#", "\"'"];

test("a link that is formatted and parsed stays the same", () => {
  const links: Link[] = [
    { hideOther: false, size: 1 },
    {
      study: odd.join(""), sample: "S 1/2", view: { x: -12.5, y: 1e6, zoom: -3.25 },
      hideOther: true, size: 1.5,
      rules: [
        { colour: "#e69f00", positive: odd, negative: [] },
        { colour: "#000000", positive: [], negative: odd },
        { colour: "#56b4e9", positive: [], negative: [] },
      ],
    },
    { study: "", sample: "", rules: [], hideOther: false, size: 1 },
    { study: "lab", umap: true, hideOther: false, size: 1 },
    {
      study: "lab", sample: "S1", view: { x: 1, y: 2, zoom: 3 }, umap: true,
      umapView: { x: -4, y: 5.5, zoom: -6 }, hideOther: true, size: 1,
    },
  ];
  for (const link of links) {
    expect(parse(`#${format(link)}`)).toEqual({ link, faults: [] });
  }
});

test("a link is short", () => {
  const link = format({
    study: "lab", sample: "S1", view: { x: 1 / 3, y: 2, zoom: -2.3333 }, hideOther: true, size: 1,
    rules: [{ colour: "#e69f00", positive: ["CD3", "PD1"], negative: ["CD8"] }],
  });
  expect(link).toBe(
    "study=lab&sample=S1&view=0.3,2,-2.33&rule=e69f00:CD3,PD1:CD8&other=hidden");
});

test("the view of the UMAP is in the link only while the UMAP is shown", () => {
  const slide = { x: 1, y: 2, zoom: 3 }, umap = { x: 4, y: 5, zoom: 6 };
  const link: Link = {
    study: "lab", sample: "S1", view: slide, umapView: umap, hideOther: false, size: 1 };
  expect(format(link)).toBe("study=lab&sample=S1&view=1,2,3");
  expect(format({ ...link, umap: true })).toBe("study=lab&sample=S1&view=1,2,3&umap=4,5,6");
  expect(format({ ...link, umap: true, umapView: undefined })).toBe(
    "study=lab&sample=S1&view=1,2,3&umap=");
});

test("what a link shows, and its view", () => {
  const slide = { x: 1, y: 2, zoom: 3 }, umap = { x: 4, y: 5, zoom: 6 };
  const onSlide: Link = { sample: "S1", view: slide, umapView: umap, hideOther: false, size: 1 };
  const onUmap = { ...onSlide, umap: true };
  expect([shownSample(onSlide), shownView(onSlide)]).toEqual(["S1", slide]);
  expect([shownSample(onUmap), shownView(onUmap)]).toEqual(["UMAP virtual sample", umap]);
  expect(withView(onSlide, undefined)).toEqual({ ...onSlide, view: undefined });
  expect(withView(onUmap, slide)).toEqual({ ...onUmap, umapView: slide });
});

test("a link that names the sample of the UMAP shows the UMAP", () => {
  const { link, faults } = parse("#study=lab&sample=UMAP%20virtual%20sample&view=1,2,3&size=2");
  expect(faults).toEqual([]);
  expect(format(link)).toBe("study=lab&umap=1,2,3&size=2");
  expect(parse("#sample=umap%20virtual%20sample").link.umap).toBeUndefined();
});

test("a view is exact to a tenth of a screen pixel at any zoom", () => {
  const link = format({ view: { x: 1.23456, y: 0, zoom: 5.5 }, hideOther: false, size: 1 });
  const { view } = parse(link).link;
  expect(Math.abs(view!.x - 1.23456) * 2 ** 5.5).toBeLessThan(0.1);
});

test.each([
  "view=1,2", "view=1,2,x", "view=,,", "view=1,2,Infinity", "umap=1,2", "umap=x", "study=%",
  "rule=e69f00:%E0%A4%A", "rule=a:b:c:d", "rule=red:A", "rule=12345:A", "other=x", "size=9",
  "what=1", "=", "x",
])("%s is a fault, and the other parts are read", (part) => {
  const { link, faults } = parse(`#${part}&sample=S1`);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(part);
  expect(link.sample).toBe("S1");
});

test("rules: a colour by default, each feature once, and 16 rules at most", () => {
  const { link, faults } = parse("rule=:A,A,&" + "rule=112233:B&".repeat(16));
  expect(link.rules!).toHaveLength(16);
  expect(link.rules![0]).toEqual({ colour: PALETTE[0], positive: ["A"], negative: [] });
  expect(faults).toHaveLength(1);
});
