/** The page: it shows the slide or UMAP of the link, and keeps the link up to date. */

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
import { nameOf, slidesOf } from "./umap.ts";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const number = (value: number) => value.toLocaleString("en");

// If the style did not load, which sets the position, the notice about a missing part stays.
if (getComputedStyle(element("missing")).position === "fixed") {
  element("missing").remove();
}

const messages = new Messages(element("messages"));
addEventListener("error", (event) => event.error && messages.failure(event.error));
addEventListener("unhandledrejection", (event) => messages.failure(event.reason));

/** The slide or UMAP that is shown or being loaded. Once it has cells, `slide` has the view and
 * `panel` the rules. */
let link: Link = { hideOther: false, size: 1 };
let cells: Cells | null = null, features: Features | null = null;
let compiled: Int32Array = new Int32Array(0);
let loading = new AbortController();

// ---- The link

let writing = 0;

const current = (): Link => cells
  ? { ...links.withView(link, slide.fitted ? undefined : slide.view), rules: panel.rules }
  : link;

/** Write the link after a delay, because browsers limit how often the address can change. */
function writeLink(): void {
  clearTimeout(writing);
  writing = window.setTimeout(() => {
    const hash = cells ? `#${links.format(current())}` : location.hash;
    if (hash !== location.hash) {
      history.replaceState(null, "", hash);
    }
  }, 200);
}

/** Open a sample or the UMAP, which the user chose; the browser's "back" returns to what the page
 * showed before. */
function choose(next: Link): void {
  clearTimeout(writing);
  history.pushState(null, "", `#${links.format(next)}`);
  void open(next, []);
}

addEventListener("hashchange", () => {
  const { link: next, faults } = links.parse(location.hash);
  clearTimeout(writing);
  const shows = links.shownSample(next), view = links.shownView(next);
  if (cells && next.study === link.study && shows === links.shownSample(link)) {
    messages.clear();
    link = next;
    dress(faults);
    view ? slide.look(view) : slide.fit();
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
  // The samples of the same study stay until their new list arrives, so that the focus stays.
  if (next.study !== link.study) {
    panel.showSamples([]);
  }
  link = next;
  cells = features = null;
  slide.clear();
  slide.canvas.dataset.state = "loading";
  pointer.set(null);
  panel.showRules([], []);
  panel.showCounts();
  panel.showTiming("");
  try {
    progress("Loading the studies …");
    const studies = await api.studies(signal);
    panel.showStudies(studies, link.study ?? studies[0] ?? "");
    if (link.study === undefined && studies.length === 0) {
      throw new Problem("There are no studies.",
                        "The database has no listed study that the service can read.", true,
                        "Register a study with the SQL function cell_register_study().");
    }
    const study = link.study ??= studies[0]!;
    const [samples, named] = await Promise.all([
      api.samples(study, signal), api.features(study, signal),
    ]).catch((error) => {
      throw error instanceof Problem && error.status === 404
        ? new Problem(`There is no study “${study}”.`,
                      "The link may be outdated. Choose another study.", false)
        : error;
    });
    if (!studies.includes(study)) {
      panel.showStudies([...studies, study], study);   // the link names it
    }
    const slides = slidesOf(samples);
    if (!link.umap) {
      link.sample ??= slides[0];
      link.umap = link.sample === undefined && samples.length > 0;   // no slides
    }
    panel.showSamples(samples, links.shownSample(link));
    if (samples.length === 0) {
      throw new Problem(`The study “${link.study}” has no samples.`,
                        "Its table or view has no cells that the service can read.", true);
    }
    const shown = links.shownSample(link)!, name = nameOf(shown);
    if (!samples.includes(shown)) {
      throw link.umap
        ? new Problem(`The study “${link.study}” has no UMAP.`,
                      "The link may be outdated. Choose a sample.", false)
        : new Problem(`The study “${link.study}” has no sample “${shown}”.`,
                      "The link may be outdated. Choose another sample.", false);
    }
    const asked = performance.now();
    progress(`Waiting for ${name} …`);
    const loaded = await api.cells(
      link.study, shown, signal,
      (received, total) => progress(`Loading ${name}`, received, total));
    progress(`Drawing ${name} …`);
    cells = loaded;
    features = named;
    dress(faults);
    await slide.show(cells, links.shownView(link));
    if (signal.aborted) {
      return;
    }
    measure("first-frame", asked);
    ready();
  } catch (error) {
    if (signal.aborted) {
      return;   // the user chose another sample, and the page is about that one
    }
    failed(error);
    faults.forEach((fault) => messages.notice(fault));
  }
  if (!signal.aborted) {
    progress();
  }
}

function ready(): void {
  const { study, sample, umap } = link, { length } = cells!;
  document.title = `${umap ? "UMAP" : sample} · ${study} · Slide viewer`;
  slide.canvas.dataset.state = "ready";
  slide.canvas.setAttribute("aria-label", `${number(length)} cells of `
    + (umap ? "all samples in the UMAP" : sample));
  panel.showTiming(`${number(length)} cells; ${summary()}`);
  if (length === 0) {
    messages.notice(umap ? "The UMAP has no cells." : `The sample “${sample}” has no cells.`);
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
  const bar = element<HTMLProgressElement>("bar");
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
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

/** Apply the rules and options of the link. */
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
      messages.notice(`The rule “${rules.nameOf(rule)}” of the link was ignored: `
        + `the study “${link.study}” has no feature ${unknown.join(", ")}.`);
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
  const accept = link.hideOther ? (cell: number) => ruleOf(cell) >= 0 : undefined;
  pointer.set({ cells: cells!, accept, describe });
  void recount();
  writeLink();
}

const ruleOf = (cell: number) =>
  rules.ruleOf(compiled, cells!.phenotypeWords[4 * cell + 2]!, cells!.phenotypeWords[4 * cell + 3]!);

let counting = 0;

/** Count in steps, so that colours change at once and the page responds while it counts. */
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
  const names = features!.namesOf(cells!.phenotypes(cell)).join(", ");
  // A place in the UMAP has a meaning only relative to the other cells.
  const place = link.umap ? "" : `x ${cells!.x(cell)}, y ${cells!.y(cell)}\n`;
  return {
    title: `Cell at position ${number(cell)}`,   // in the payload, because compact has no ids
    text: `${place}positive for ${names || "no feature"}`,
  };
}

// ---- Parts

const panel = new Panel({
  study: (study) => choose({
    ...current(), study, sample: undefined, view: undefined, umap: false, umapView: undefined,
    rules: undefined,
  }),
  umap: (umap) => choose({ ...current(), umap }),
  sample: (sample) => choose({ ...current(), umap: false, sample, view: undefined }),
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
      const problem = new Problem("The graphics card stopped drawing.",
                                  "The card was reset, or another program took its memory.", true);
      messages.failure(problem, () => {
        const shown = current();
        slide.restart();
        void open(shown, []);
      });
    },
    onFault: failed,
  });
  pointer = new Pointer(slide, element("stage"), element("tooltip"), element("ring"),
                        element("spoken"));
  document.querySelectorAll<HTMLElement>("#zoom button").forEach((button) =>
    button.addEventListener("click", () => pointer.press(button.dataset.key!, false)));
  const { link: first, faults } = links.parse(location.hash);
  void open(first, faults);
} catch (error) {
  element("slide").dataset.state = "error";
  progress();
  messages.failure(error);
}
