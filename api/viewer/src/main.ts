/** The page: from the link to the cells on the screen, and from what the user does to the link. */

import type { Cells, Features } from "cell-binary";
import * as api from "./api.ts";
import { Problem } from "./api.ts";
import * as links from "./link.ts";
import type { Link } from "./link.ts";
import { Messages } from "./messages.ts";
import { Panel } from "./panel.ts";
import { Pointer } from "./pointer.ts";
import * as rules from "./rules.ts";
import { Slide } from "./slide.ts";
import { forget, measure, summary } from "./timing.ts";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const number = (value: number) => value.toLocaleString("en");

// Without the style, which takes it out of the flow, the notice that a part did not arrive is true.
if (getComputedStyle(element("missing")).position === "fixed") {
  element("missing").remove();
}

const messages = new Messages(element("messages"));
addEventListener("error", (event) => event.error && messages.failure(event.error));
addEventListener("unhandledrejection", (event) => messages.failure(event.reason));

/** What is shown, or being loaded. The view and the rules are those of `slide` and `panel` once there are cells. */
let link: Link = { hideOther: false, size: 1 };
let cells: Cells | null = null, features: Features | null = null;
let compiled: Int32Array = new Int32Array(0);
let loading = new AbortController();

// ---- The link

let writing = 0;

const current = (): Link => cells ? { ...link, view: slide.fitted ? undefined : slide.view, rules: panel.rules } : link;

/** Soon, as browsers limit how often the address may change. */
function writeLink(): void {
  clearTimeout(writing);
  writing = window.setTimeout(() => {
    const hash = cells ? `#${links.format(current())}` : location.hash;
    if (hash !== location.hash) {
      history.replaceState(null, "", hash);
    }
  }, 200);
}

/** A sample that the user chose is a step that "back" undoes. */
function choose(next: Link): void {
  clearTimeout(writing);
  history.pushState(null, "", `#${links.format(next)}`);
  void open(next, []);
}

addEventListener("hashchange", () => {
  const { link: next, faults } = links.parse(location.hash);
  clearTimeout(writing);
  if (cells && next.study === link.study && next.sample === link.sample) {
    messages.clear();
    link = next;
    dress(faults);
    next.view ? slide.look(next.view) : slide.fit();
  } else {
    void open(next, faults);
  }
});

// ---- Loading

async function open(next: Link, faults: string[]): Promise<void> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  messages.clear();
  forget();
  link = next;
  cells = features = null;
  slide.clear();
  slide.canvas.dataset.state = "loading";
  pointer.set(null);
  panel.showRules([], []);
  panel.showCounts();
  panel.showTiming("");
  try {
    progress("Asking for the studies …");
    const studies = await api.studies(signal);
    panel.showStudies(studies, link.study ?? studies[0] ?? "");
    panel.showSamples([], "");
    if (studies.length === 0) {
      throw new Problem("There are no studies.", "The database has none that the service may read.", true,
                        "The function cell_register_study() registers one.");
    }
    link.study ??= studies[0]!;
    if (!studies.includes(link.study)) {
      throw new Problem(`There is no study “${link.study}”.`, "The link may be old. Choose another study.", false);
    }
    const [samples, named] = await Promise.all([api.samples(link.study, signal), api.features(link.study, signal)]);
    panel.showSamples(samples, link.sample ?? samples[0] ?? "");
    if (samples.length === 0) {
      throw new Problem(`The study “${link.study}” has no samples.`, "Its table has no cells that the service may read.", true);
    }
    link.sample ??= samples[0]!;
    if (!samples.includes(link.sample)) {
      throw new Problem(`The study “${link.study}” has no sample “${link.sample}”.`, "The link may be old. Choose another sample.", false);
    }
    const asked = performance.now();
    progress(`Waiting for ${link.sample} …`);
    const loaded = await api.cells(link.study, link.sample, signal, (received, total) => progress(`Loading ${link.sample}`, received, total));
    progress(`Drawing ${link.sample} …`);
    cells = loaded;
    features = named;
    dress(faults);
    await slide.show(cells, link.view);
    if (signal.aborted) {
      return;
    }
    measure("first-frame", asked);
    ready();
  } catch (error) {
    if (signal.aborted) {
      return;   // another sample was chosen; what is on the screen is about that
    }
    failed(error);
    faults.forEach((fault) => messages.notice(fault));
  }
  if (!signal.aborted) {
    progress();
  }
}

function ready(): void {
  const { study, sample } = link, { length } = cells!;
  document.title = `${sample} · ${study} · Slide viewer`;
  slide.canvas.dataset.state = "ready";
  slide.canvas.setAttribute("aria-label", `${number(length)} cells of ${sample}`);
  panel.showTiming(`${number(length)} cells; ${summary()}`);
  if (length === 0) {
    messages.notice(`The sample “${sample}” has no cells.`);
  }
  writeLink();
}

function failed(error: unknown): void {
  cells = null;
  pointer?.set(null);
  slide.canvas.dataset.state = "error";
  messages.failure(error, () => open(link, []));
}

function progress(text = "", received = 0, total?: number): void {
  const bar = element<HTMLProgressElement>("bar"), megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  element("progress").hidden = !text;
  document.querySelector<HTMLElement>("#progress label")!.textContent =
    received ? `${text}: ${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB` : text;
  if (total) {
    bar.max = total;
    bar.value = received;
  } else {
    bar.removeAttribute("value");
  }
}

// ---- Rules

/** Put on the colours and options of the link. */
function dress(faults: string[]): void {
  const { names } = features!;
  faults.forEach((fault) => messages.notice(fault));
  let chosen = link.rules;
  if (!chosen) {
    chosen = rules.defaultRules(names, rules.frequencies(cells!.phenotypeWords), cells!.length);
  }
  panel.showRules(chosen.filter((rule) => {
    const unknown = [...rule.positive, ...rule.negative].filter((name) => !names.includes(name));
    if (unknown.length) {
      messages.notice(`The rule “${rules.nameOf(rule)}” of the link is left out: the study “${link.study}” has no feature ${unknown.join(", ")}.`);
    }
    return unknown.length === 0;
  }), names);
  panel.showOptions(link.hideOther, link.size);
  slide.setSize(link.size);
  rulesChanged();
}

function rulesChanged(): void {
  if (!cells) {
    return;
  }
  compiled = rules.compile(panel.rules, features!);
  slide.setRules(rules.pack(compiled, panel.rules.map((rule) => rule.colour), link.hideOther));
  pointer.set({ cells: cells!, accept: link.hideOther ? (cell) => ruleOf(cell) >= 0 : undefined, describe });
  void recount();
  writeLink();
}

const ruleOf = (cell: number) => rules.ruleOf(compiled, cells!.phenotypeWords[4 * cell + 2]!, cells!.phenotypeWords[4 * cell + 3]!);

let counting = 0;

/** In pieces, so that colours change at once and the page stays quick while many cells are counted. */
async function recount(): Promise<void> {
  const run = ++counting, piece = 1 << 18, { phenotypeWords, length } = cells!, counted = compiled;
  const counts = new Array<number>(panel.rules.length + 1).fill(0);
  for (let from = 0; from < length; from += piece) {
    await new Promise((resolve) => setTimeout(resolve));
    if (run !== counting || !cells) {
      return;
    }
    rules.count(phenotypeWords, counted, from, Math.min(from + piece, length), counts);
  }
  panel.showCounts(counts);
}

function describe(cell: number): { title: string; text: string } {
  const positive = features!.namesOf(cells!.phenotypes(cell));
  return {
    title: `Cell at position ${number(cell)}`,   // in the payload; compact has no ids
    text: `x ${cells!.x(cell)}, y ${cells!.y(cell)}\n${positive.length ? `positive for ${positive.join(", ")}` : "positive for no feature"}`,
  };
}

// ---- Parts

const panel = new Panel({
  study: (study) => choose({ ...current(), study, sample: undefined, view: undefined, rules: undefined }),
  sample: (sample) => choose({ ...current(), sample, view: undefined }),
  rules: rulesChanged,
  hideOther: (hideOther) => {
    link.hideOther = hideOther;
    rulesChanged();
  },
  size: (size) => {
    link.size = size;
    slide.setSize(size);
    writeLink();
  },
});

let slide: Slide, pointer: Pointer;

try {
  slide = new Slide(element<HTMLCanvasElement>("slide"), {
    onView: () => {
      pointer?.viewChanged();
      writeLink();
    },
    onLost: () => {
      loading.abort();
      slide.canvas.dataset.state = "error";
      progress();
      pointer.set(null);
      messages.failure(new Problem("The graphics card stopped drawing.", "It was reset, or another program needs its memory.", true), () => {
        const shown = current();
        slide.restart();
        void open(shown, []);
      });
    },
    onFault: failed,
  });
  pointer = new Pointer(slide, element("stage"), element("tooltip"), element("ring"), element("spoken"));
  document.querySelectorAll<HTMLElement>("#zoom button").forEach((button) =>
    button.addEventListener("click", () => pointer.press(button.dataset.key!, false)));
  const { link: first, faults } = links.parse(location.hash);
  void open(first, faults);
} catch (error) {
  element("slide").dataset.state = "error";
  progress();
  messages.failure(error);
}
