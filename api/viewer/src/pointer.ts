/** The cell that the user points at by mouse or keyboard, in a tooltip or read aloud. */

import { nearest, type Cells } from "cell-binary";
import type { Slide } from "./slide.ts";

const REACH = 8;         // maximum screen pixels from the pointer to the cell
const SETTLED = 150;     // ms after the last change of the view until the search for a cell

export interface Subject {
  cells: Cells;
  accept?: (cell: number) => boolean;    // whether the cell is shown
  describe: (cell: number) => { title: string; text: string };
}

export class Pointer {
  private subject: Subject | null = null;
  private at: { x: number; y: number } | null = null;   // the mouse, or the last tap
  private frame = 0;
  private settled = 0;
  private byKeyboard = false;

  constructor(private readonly slide: Slide, stage: HTMLElement,
              private readonly tooltip: HTMLElement, private readonly ring: HTMLElement,
              private readonly spoken: HTMLElement) {
    const at = (event: MouseEvent, points: boolean) => {
      const { left, top } = slide.canvas.getBoundingClientRect();
      this.point(points && event.target === slide.canvas
        ? { x: event.clientX - left, y: event.clientY - top } : null);
    };
    stage.addEventListener("pointermove", (event) => at(event, event.buttons === 0));
    // A finger taps and does not hover.
    stage.addEventListener("click", (event) => at(event, true));
    stage.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") {
        this.point(null);
      }
    });
    stage.addEventListener("pointerdown", () => this.point(null));
    stage.addEventListener("keydown", (event) => {
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.target === slide.canvas && plain && this.press(event.key, event.shiftKey)) {
        event.preventDefault();
      }
    });
  }

  /** Set the cells to point at. */
  set(subject: Subject | null): void {
    this.subject = subject;
    this.hide();
    this.viewChanged();
  }

  /** Hide the tooltip and wait until the view rests, so that it moves smoothly. */
  viewChanged(): void {
    this.hide();
    clearTimeout(this.settled);
    this.settled = window.setTimeout(
      () => this.byKeyboard ? this.readOut() : this.hover(), SETTLED);
  }

  private point(at: typeof this.at): void {
    this.at = at;
    this.byKeyboard = false;
    // Search once a frame, however often the mouse moves.
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.hover();
    });
  }

  private find(x: number, y: number, reach: number): number {
    const [slideX, slideY] = this.slide.toSlide(x, y);
    const { cells, accept } = this.subject!;
    return nearest(cells, slideX, slideY, reach / this.slide.scale, accept);
  }

  private hover(): void {
    const cell = this.subject && this.at ? this.find(this.at.x, this.at.y, REACH) : -1;
    if (cell < 0) {
      this.hide();
    } else {
      this.mark(cell);
    }
  }

  press(key: string, far: boolean): boolean {
    const step = far ? 0.5 : 0.1;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.slide.pan(-step, 0),
      ArrowRight: () => this.slide.pan(step, 0),
      ArrowUp: () => this.slide.pan(0, -step),
      ArrowDown: () => this.slide.pan(0, step),
      "+": () => this.slide.zoom(0.5),
      "=": () => this.slide.zoom(0.5),   // the same key on many keyboards
      "-": () => this.slide.zoom(-0.5),
      "0": () => this.slide.fit(),
    };
    if (!actions[key]) {
      return false;
    }
    this.byKeyboard = true;
    actions[key]();
    return true;
  }

  /** Have screen readers read the cell nearest to the centre. */
  private readOut(): void {
    const { clientWidth: width, clientHeight: height } = this.slide.canvas;
    const cell = this.subject ? this.find(width / 2, height / 2, Math.min(width, height) / 2) : -1;
    if (cell < 0) {
      this.spoken.textContent = this.subject ? "No cell near the centre." : "";
      return;
    }
    const { title, text } = this.subject!.describe(cell);
    this.spoken.textContent = `Nearest to the centre: ${title}, ${text}`;
    this.mark(cell);
  }

  private mark(cell: number): void {
    const { cells, describe } = this.subject!, { title, text } = describe(cell);
    const [x, y] = this.slide.toScreen(cells.x(cell), cells.y(cell));
    const heading = document.createElement("strong"), body = document.createElement("span");
    heading.textContent = title;
    body.textContent = text;
    this.tooltip.replaceChildren(heading, body);
    this.tooltip.hidden = this.ring.hidden = false;
    this.ring.style.transform = `translate(${x}px, ${y}px)`;
    // Beside the cell, on the side where there is room.
    const { offsetWidth, offsetHeight } = this.tooltip;
    const { clientWidth, clientHeight } = this.slide.canvas;
    const left = x + 16 + offsetWidth < clientWidth
      ? x + 16 : Math.max(x - 16 - offsetWidth, 4);
    const top = Math.max(Math.min(y + 12, clientHeight - offsetHeight - 4), 4);
    this.tooltip.style.transform = `translate(${left}px, ${top}px)`;
  }

  private hide(): void {
    this.tooltip.hidden = this.ring.hidden = true;
  }
}
