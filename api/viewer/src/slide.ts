/** The canvas with the cells of a slide or of the UMAP, and its view. */

import { Deck, OrthographicView } from "@deck.gl/core";
import type { Buffer, Device } from "@luma.gl/core";
import type { Cells } from "cell-binary";
import { Problem } from "./api.ts";
import { CellLayer, COARSE } from "./cell-layer.ts";
import type { View } from "./link.ts";
import { gpuDone, measure } from "./timing.ts";

// Diameters of a point on the screen in CSS pixels, for the point size 1
const SMALLEST = 1.5, LARGEST = 24;

// While the view of a slide with MANY cells moves, only some cells are drawn if a frame of all
// cells takes longer than SLOW ms. All are drawn when the view has rested for SETTLED ms.
const MANY = 200_000, SLOW = 50, SETTLED = 150;

// The maximum distance from the origin to the centre of the view; cells are within 2^31.
const FARTHEST = 2 ** 33;

export interface Listeners {
  onView(): void;                // pan, zoom, resize
  onLost(): void;                // the graphics context is lost; `restart` makes another one
  onFault(error: Error): void;
}

interface Extent {
  left: number;
  top: number;
  width: number;
  height: number;
}

const NOTHING: Extent = { left: 0, top: 0, width: 0, height: 0 };

function extentOf({ coordinates, length }: Cells): Extent {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (let at = 0; at < 4 * length; at += 4) {
    const x = coordinates[at]!, y = coordinates[at + 1]!;
    left = x < left ? x : left;
    right = x > right ? x : right;
    top = y < top ? y : top;
    bottom = y > bottom ? y : bottom;
  }
  return length ? { left, top, width: right - left, height: bottom - top } : NOTHING;
}

const clamp = (value: number, from: number, to: number) => Math.min(Math.max(value, from), to);

const contextOf = (device: Device) => (device as unknown as { gl: WebGL2RenderingContext }).gl;

export class Slide {
  canvas: HTMLCanvasElement;
  view: View = { x: 0, y: 0, zoom: 0 };
  /** Whether the view shows the whole slide, and keeps doing so when the window changes. */
  fitted = true;
  size = 1;

  private deck!: Deck<OrthographicView>;
  private device!: Promise<Device>;
  private buffer: Buffer | null = null;
  private cells: Cells | null = null;
  private extent = NOTHING;
  private rules = new ArrayBuffer(0);
  private every = 1;
  private slow = false;      // whether the last frame of all cells was slow
  private timing = false;
  private settled = 0;
  private afterFrame: (() => void)[] = [];

  constructor(canvas: HTMLCanvasElement, private readonly listeners: Listeners) {
    this.canvas = canvas;
    this.start();
  }

  private start(): void {
    // Before deck.gl, whose error for this is hard to tell from others; with luma.gl's options.
    const options = { antialias: false, powerPreference: "high-performance" };
    if (!this.canvas.getContext("webgl2", options)) {
      throw new Problem("This browser cannot draw the cells because it has no WebGL 2.",
                        "WebGL may be switched off in the browser's settings, or the browser may "
                        + "block the graphics card or its driver.", false);
    }
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.listeners.onLost();
    });
    let initialised: (device: Device) => void, device: Device;
    this.device = new Promise((resolve) => initialised = resolve);
    this.deck = new Deck<OrthographicView>({
      canvas: this.canvas,
      views: new OrthographicView({ id: "slide" }),
      viewState: this.viewState(),
      controller: { keyboard: false, dragRotate: false, touchRotate: false, inertia: false,
                    scrollZoom: { speed: 0.005, smooth: false } },
      layers: [this.layer()],
      pickingRadius: 0,
      getCursor: ({ isDragging }) => isDragging ? "grabbing" : "crosshair",
      onDeviceInitialized: (made) => device = made,
      onLoad: () => initialised(device),
      onResize: () => this.fitted ? this.fit() : this.listeners.onView(),
      onViewStateChange: ({ viewState }) => {
        const { target, zoom, zoomX } =
          viewState as { target: number[]; zoom: number; zoomX?: number };
        this.look({ x: target[0]!, y: target[1]!, zoom: zoomX ?? zoom });
      },
      onAfterRender: () => {
        const drawn = String(this.buffer ? Math.ceil(this.cells!.length / this.every) : 0);
        if (this.canvas.dataset.drawn !== drawn) {
          this.canvas.dataset.drawn = drawn;
        }
        this.afterFrame.splice(0).forEach((done) => done());
      },
      onError: (error) => this.listeners.onFault(error),
    });
  }

  /** Start on a new canvas, because the old one has lost its context and the cells. */
  restart(): void {
    const fresh = this.canvas.cloneNode() as HTMLCanvasElement;
    this.deck.finalize();
    this.canvas.replaceWith(fresh);
    this.canvas = fresh;
    this.cells = this.buffer = null;
    this.start();
  }

  private layer(): CellLayer {
    const { width, height } = this.extent, { cells, size } = this;
    // Points of cells that fill the slide evenly would not quite touch.
    const area = Math.max(width, 1) * Math.max(height, 1);
    const spacing = Math.sqrt(area / Math.max(cells?.length ?? 1, 1));
    return new CellLayer({
      id: "cells",
      cells: this.buffer,
      length: cells?.length ?? 0,
      every: this.every,
      rules: this.rules,
      diameter: 0.75 * size * spacing,
      smallest: SMALLEST * size,
      largest: LARGEST * size,
    });
  }

  private redraw(): void {
    this.deck.setProps({ layers: [this.layer()] });
  }

  /** While the view moves, draw fewer cells if all cells take too long; draw all when it rests. */
  private moves(): void {
    if (!this.buffer || this.cells!.length < MANY) {
      return;
    }
    clearTimeout(this.settled);
    this.settled = window.setTimeout(() => this.draws(1), SETTLED);
    if (this.slow) {
      this.draws(COARSE);
    } else {
      void this.time();
    }
  }

  private draws(every: number): void {
    if (this.every !== every) {
      this.every = every;
      this.redraw();
    }
  }

  private async time(): Promise<void> {
    if (this.timing) {
      return;
    }
    this.timing = true;
    const started = performance.now(), gl = contextOf(await this.device);
    await new Promise<void>((resolve) => this.afterFrame.push(resolve));
    await gpuDone(gl);
    this.slow = performance.now() - started > SLOW;
    this.timing = false;
  }

  clear(): void {
    this.buffer?.destroy();
    this.buffer = null;
    this.cells = null;
    this.redraw();
  }

  /** Show cells with this view, or the whole slide. Resolves when they are on the screen, or when
   * other cells replace them. */
  async show(cells: Cells, view: View | undefined): Promise<void> {
    this.extent = extentOf(cells);
    this.cells = cells;
    this.slow = false;
    this.every = 1;
    if (view) {
      this.look(view);
    } else {
      this.fit();
    }
    await this.draw(cells);
  }

  private async draw(cells: Cells): Promise<void> {
    const device = await this.device, gl = contextOf(device);
    if (this.cells !== cells) {
      return;   // the user has chosen another sample meanwhile
    }
    const arrived = performance.now();
    if (cells.length) {
      this.buffer = device.createBuffer({ data: cells.bytes });
      if (gl.getError() === gl.OUT_OF_MEMORY) {
        this.clear();
        const number = cells.length.toLocaleString("en");
        const megabytes = Math.ceil(cells.bytes.length / 1e6);
        throw new Problem("The sample is too large for the graphics memory.",
                          `Its ${number} cells need ${megabytes} MB.`, true);
      }
    }
    measure("upload", arrived);
    const uploaded = performance.now();
    this.redraw();
    await new Promise<void>((resolve) => this.afterFrame.push(resolve));
    await gpuDone(gl);
    if (this.cells === cells) {
      measure("draw", uploaded);
    }
  }

  setRules(rules: ArrayBuffer): void {
    this.rules = rules;
    this.redraw();
  }

  setSize(size: number): void {
    this.size = size;
    this.redraw();
  }

  private get fitZoom(): number {
    const { width, height } = this.extent, { clientWidth, clientHeight } = this.canvas;
    const margin = 0.92;
    return Math.log2(margin * Math.min(Math.max(clientWidth, 1) / Math.max(width, 1),
                                       Math.max(clientHeight, 1) / Math.max(height, 1)));
  }

  private get zooms(): [least: number, most: number] {
    return [Math.min(this.fitZoom - 2, 0), Math.max(6, this.fitZoom)];
  }

  private viewState() {
    const [minZoom, maxZoom] = this.zooms, { x, y, zoom } = this.view;
    return { target: [x, y, 0] as [number, number, number], zoom, minZoom, maxZoom };
  }

  fit(): void {
    const { left, top, width, height } = this.extent;
    this.look({ x: left + width / 2, y: top + height / 2, zoom: Math.min(this.fitZoom, 5) });
    this.fitted = true;
  }

  look(view: View): void {
    const [least, most] = this.zooms;
    this.view = {
      x: clamp(view.x, -FARTHEST, FARTHEST),
      y: clamp(view.y, -FARTHEST, FARTHEST),
      zoom: clamp(view.zoom, least, most),
    };
    this.fitted = false;
    this.deck.setProps({ viewState: this.viewState() });
    this.moves();
    this.listeners.onView();
  }

  /** Pan by fractions of the visible part of the slide. */
  pan(right: number, down: number): void {
    const step = Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / this.scale;
    this.look({ ...this.view, x: this.view.x + right * step, y: this.view.y + down * step });
  }

  zoom(by: number): void {
    this.look({ ...this.view, zoom: this.view.zoom + by });
  }

  /** The screen pixels of a pixel of the slide. */
  get scale(): number {
    return 2 ** this.view.zoom;
  }

  /** From pixels of the canvas to pixels of the slide. */
  toSlide(x: number, y: number): [number, number] {
    const { clientWidth, clientHeight } = this.canvas;
    return [this.view.x + (x - clientWidth / 2) / this.scale,
            this.view.y + (y - clientHeight / 2) / this.scale];
  }

  toScreen(x: number, y: number): [number, number] {
    const { clientWidth, clientHeight } = this.canvas;
    return [clientWidth / 2 + (x - this.view.x) * this.scale,
            clientHeight / 2 + (y - this.view.y) * this.scale];
  }
}
