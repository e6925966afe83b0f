/** The panel beside the slide: study, switch to the UMAP, sample, options, and the rules with their
 * counts. */

import { isEmpty, MAX_RULES, nameOf, nextColour, OTHER_COLOUR, type Rule } from "./rules.ts";
import { slidesOf, VIRTUAL_SAMPLE } from "./umap.ts";

export interface Changes {
  study(study: string): void;
  umap(umap: boolean): void;
  sample(sample: string): void;
  rules(): void;
  hideOther(hide: boolean): void;
  size(size: number): void;
}

type Kind = "positive" | "negative";
type Control = (what: string) => { control: string };   // names a control of a rule

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const number = (value: number) => value.toLocaleString("en");

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K, properties: Partial<HTMLElementTagNameMap[K]> = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export class Panel {
  rules: Rule[] = [];
  private names: readonly string[] = [];
  private edited = -1;   // the index of the rule whose editor is open

  private readonly study = element<HTMLSelectElement>("study");
  private readonly plane = element<HTMLFieldSetElement>("plane");
  private readonly onSlide = element<HTMLInputElement>("on-slide");
  private readonly onUmap = element<HTMLInputElement>("on-umap");
  private readonly sample = element<HTMLSelectElement>("sample");
  private readonly list = element<HTMLOListElement>("rules");
  private readonly addButton = element<HTMLButtonElement>("add");
  private readonly hide = element<HTMLInputElement>("hide");
  private readonly size = element<HTMLInputElement>("size");

  constructor(private readonly changes: Changes) {
    this.study.addEventListener("change", () => changes.study(this.study.value));
    this.plane.addEventListener("change", () => changes.umap(this.onUmap.checked));
    this.sample.addEventListener("change", () => changes.sample(this.sample.value));
    this.hide.addEventListener("change", () => changes.hideOther(this.hide.checked));
    this.size.addEventListener("input", () => changes.size(this.size.valueAsNumber));
    this.addButton.addEventListener("click", () => {
      // The new rule is the first one, so that the user sees all cells that it colours.
      this.rules.unshift({ colour: nextColour(this.rules), positive: [], negative: [] });
      this.edited = 0;
      this.changed("0 positive");
    });
    element("other-swatch").style.background = OTHER_COLOUR;
    this.showRules([], []);
  }

  showStudies(studies: readonly string[], chosen: string): void {
    this.fill(this.study, studies, chosen);
  }

  /** Show the samples of a study. The UMAP is no entry of the list: a switch leads to it. */
  showSamples(samples: readonly string[], chosen = ""): void {
    const slides = slidesOf(samples);
    const exists = slides.length < samples.length, umap = chosen === VIRTUAL_SAMPLE;
    this.plane.hidden = this.plane.disabled = !exists;
    this.onSlide.disabled = slides.length === 0;
    this.onSlide.checked = !umap;
    this.onUmap.checked = umap;
    if (exists && umap) {
      this.fill(this.sample, ["All samples"], "All samples");
      this.sample.disabled = true;
    } else {
      this.fill(this.sample, slides, chosen);
    }
  }

  showRules(rules: Rule[], names: readonly string[]): void {
    this.rules = rules;
    this.names = names;
    this.edited = -1;
    this.render();
  }

  showOptions(hideOther: boolean, size: number): void {
    this.hide.checked = hideOther;
    this.size.valueAsNumber = size;
  }

  /** Show the counts of the rules, followed by that of no rule; dashes if there are no counts. */
  showCounts(counts?: readonly number[]): void {
    const text = (count: number | undefined) => count === undefined ? "–" : number(count);
    this.list.querySelectorAll(".count").forEach((place, rule) => {
      place.textContent = text(counts?.[rule]);
    });
    element("other-count").textContent = text(counts?.[this.rules.length]);
    element("total").textContent = text(counts?.reduce((sum, each) => sum + each, 0));
  }

  showTiming(text: string): void {
    element("timing").textContent = text;
  }

  private fill(select: HTMLSelectElement, values: readonly string[], chosen: string): void {
    select.replaceChildren(...values.map((value) => make("option", { value, textContent: value })));
    select.value = chosen;   // selects nothing if the link names one that does not exist
    select.disabled = values.length === 0;
  }

  /** Show changed rules and report the change. The focus stays, or moves to the named control. */
  private changed(focus?: string): void {
    this.render(focus);
    this.changes.rules();
  }

  private render(focus = (document.activeElement as HTMLElement | null)?.dataset.control): void {
    this.list.replaceChildren(...this.rules.map((rule, place) => this.item(rule, place)));
    this.addButton.disabled = this.names.length === 0 || this.rules.length === MAX_RULES;
    this.addButton.title = this.rules.length === MAX_RULES
      ? `The viewer supports at most ${MAX_RULES} rules.` : "";
    if (focus) {
      this.list.querySelector<HTMLElement>(`[data-control="${focus}"]`)?.focus();
    }
  }

  private item(rule: Rule, place: number): HTMLElement {
    const name = nameOf(rule), open = place === this.edited;
    const control = (what: string) => ({ control: `${place} ${what}` });

    const colour = make("input", {
      type: "color", value: rule.colour, ariaLabel: `Colour of ${name}` });
    // No rendering here, because the browser's colour dialog stays open while the colour changes.
    colour.addEventListener("input", () => {
      rule.colour = colour.value;
      this.changes.rules();
    });

    const title = make("button", {
      type: "button", className: "name", ariaExpanded: String(open),
      title: isEmpty(rule) ? "" : name,
    }, name);
    Object.assign(title.dataset, control("name"));
    title.addEventListener("click", () => {
      this.edited = open ? -1 : place;
      const counts = [...this.list.querySelectorAll(".count")].map((count) => count.textContent);
      this.render();
      this.list.querySelectorAll(".count").forEach((count, at) => {
        count.textContent = counts[at]!;
      });
    });

    const count = make("span", {
      className: "count",
      title: "Cells that match this rule and no earlier rule",
    }, "–");
    const item = make("li", {}, make("div", { className: "line" }, colour, title, count));
    if (open) {
      item.append(this.editor(rule, place, name, control));
    }
    return item;
  }

  private editor(rule: Rule, place: number, name: string, control: Control): HTMLElement {
    const button = (what: string, text: string, label: string, disabled: boolean,
                    act: () => void) => {
      const made = make("button", {
        type: "button", textContent: text, ariaLabel: label, title: label, disabled });
      Object.assign(made.dataset, control(what));
      made.addEventListener("click", act);
      return made;
    };
    const move = (to: number) => {
      this.rules.splice(place, 1);
      this.rules.splice(to, 0, rule);
      this.edited = to;
      this.changed(`${to} name`);
    };
    return make("div", { className: "editor", role: "group", ariaLabel: `Rule ${name}` },
      this.features(rule, place, "positive", control),
      this.features(rule, place, "negative", control),
      make("div", { className: "tools" },
        button("up", "↑", `Move ${name} up`, place === 0, () => move(place - 1)),
        button("down", "↓", `Move ${name} down`, place === this.rules.length - 1,
               () => move(place + 1)),
        button("remove", "Remove rule", `Remove rule ${name}`, false, () => {
          this.rules.splice(place, 1);
          this.edited = -1;
          this.changed();
          const next = `[data-control="${Math.min(place, this.rules.length - 1)} name"]`;
          (this.list.querySelector<HTMLElement>(next) ?? this.addButton).focus();
        })));
  }

  private features(rule: Rule, place: number, kind: Kind, control: Control): HTMLElement {
    const sign = kind === "positive" ? "+" : "-";
    const chips = rule[kind].map((name) => {
      const remove = make("button", {
        type: "button", className: `chip ${kind}`, ariaLabel: `Remove ${name}${sign}`,
        title: "Remove",
      }, `${name}${sign} ×`);
      remove.addEventListener("click", () => {
        rule[kind] = rule[kind].filter((other) => other !== name);
        this.changed(`${place} ${kind}`);
      });
      return remove;
    });
    const select = make("select", {},
      make("option", { value: "" }, "Add…"),
      ...this.names.map((name, bit) => make("option", { value: String(bit + 1) }, name)));
    Object.assign(select.dataset, control(kind));
    const add = () => {
      if (select.value === "") {
        return;
      }
      const name = this.names[Number(select.value) - 1]!;
      // A feature cannot be both.
      const other = kind === "positive" ? "negative" : "positive";
      rule[other] = rule[other].filter((had) => had !== name);
      rule[kind] = [...new Set([...rule[kind], name])];
      this.changed(`${place} ${kind}`);
    };
    // With the keyboard, a closed list changes at each key, so a feature is added only by Enter or
    // when the focus leaves the list.
    let typing = false;
    select.addEventListener("pointerdown", () => typing = false);
    select.addEventListener("keydown", (event) => event.key === "Enter" ? add() : typing = true);
    select.addEventListener("change", () => typing || add());
    select.addEventListener("blur", add);
    return make("div", { className: "features" },
      make("label", {}, kind === "positive" ? "Positive for" : "Negative for", select), ...chips);
  }
}
