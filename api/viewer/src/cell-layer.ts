/** A layer of deck.gl that draws cells as points, with a compact payload as its vertex buffer. */

import {
  Layer, type LayerProps, type OrthographicViewport, type UpdateParameters,
} from "@deck.gl/core";
import { Buffer, type RenderPass } from "@luma.gl/core";
import { Model } from "@luma.gl/engine";
import { MAX_RULES, RULES_BYTES } from "./rules.ts";

export interface CellLayerProps {
  cells: Buffer | null;    // x, y, and the two halves of the phenotypes, for each cell
  length: number;          // number of cells
  every: number;           // 1 draws each cell, COARSE one cell in COARSE
  rules: ArrayBuffer;      // the uniform block that `pack` makes
  diameter: number;        // of a point on the slide
  smallest: number;        // minimum diameter of a point on the screen
  largest: number;         // maximum diameter of a point on the screen
}

/** One cell in COARSE still shows the shape of the slide. The buffer is the same payload: a larger
 * stride skips cells, and WebGL allows a stride of at most 255 bytes. */
export const COARSE = 8;

/** Bytes of the uniform block `view`. It has the centre of the view in two parts, `high` multiples
 * of 4096 and the `rest`, so that 32-bit floats are exact anywhere on the slide. */
const VIEW_BYTES = 32;

const vs = `#version 300 es
#define SHADER_NAME cell-layer-vertex
in ivec2 position;
in uvec2 phenotypes;

layout(std140) uniform rulesUniforms {
  uvec4 bits[${MAX_RULES}];
  vec4 colours[${MAX_RULES}];
  vec4 other;
  int count;
} rules;

layout(std140) uniform viewUniforms {
  ivec2 high;
  vec2 rest;
  vec2 scale;
  float size;
} view;

out vec3 colour;
out float size;

void main() {
  gl_Position = vec4(0.0, 0.0, 2.0, 1.0);   // behind the far plane, so it is clipped
  gl_PointSize = 1.0;
  vec2 offset = 4096.0 * vec2((position >> 12) - view.high)
    + (vec2(position & 4095) - view.rest);
  vec2 place = offset * view.scale;
  if (max(abs(place.x), abs(place.y)) > 1.2) {
    return;   // far outside the view
  }
  // A rule matches if all bits are set that must be set, and all bits clear that must be clear.
  uvec4 mask = uvec4(phenotypes, ~phenotypes);
  int rule = 0;
  while (rule < rules.count && (mask & rules.bits[rule]) != rules.bits[rule]) {
    rule++;
  }
  vec4 rgba = rule < rules.count ? rules.colours[rule] : rules.other;
  if (rgba.a == 0.0) {
    return;
  }
  // The depth test puts the first rule on top and the cells that match no rule at the bottom,
  // whatever the order of the cells is.
  float depth = float(rule < rules.count ? rule : ${MAX_RULES}) / ${MAX_RULES + 1}.0;
  gl_Position = vec4(place, depth, 1.0);
  gl_PointSize = view.size;
  colour = rgba.rgb;
  size = view.size;
}
`;

const fs = `#version 300 es
#define SHADER_NAME cell-layer-fragment
precision highp float;
in vec3 colour;
in float size;
out vec4 fragColor;

void main() {
  // The distance to the edge in pixels. A point of less than 4 pixels is a square.
  float inside = size < 4.0 ? 1.0 : 0.5 * size - length(gl_PointCoord - 0.5) * size;
  if (inside <= 0.0) {
    discard;
  }
  // Premultiplied alpha without blending, because a point below may be drawn later: the edge is
  // smooth against the page, and a thin dark rim against other points.
  fragColor = vec4(colour, 1.0) * min(inside, 1.0);
}
`;

export class CellLayer extends Layer<CellLayerProps & LayerProps> {
  static override layerName = "CellLayer";

  declare state: { models: Model[]; rules: Buffer; view: Buffer };

  override initializeState(): void {
    const { device } = this.context;
    const uniforms = (byteLength: number) =>
      device.createBuffer({ usage: Buffer.UNIFORM | Buffer.COPY_DST, byteLength });
    const rules = uniforms(RULES_BYTES), view = uniforms(VIEW_BYTES);
    const models = [1, COARSE].map((every) => new Model(device, {
      id: `${this.props.id}-${every}`,
      vs,
      fs,
      topology: "point-list",
      bufferLayout: [{
        name: "cells",
        byteStride: 16 * every,
        attributes: [
          { attribute: "position", format: "sint32x2", byteOffset: 0 },
          { attribute: "phenotypes", format: "uint32x2", byteOffset: 8 },
        ],
      }],
      bindings: { rulesUniforms: rules, viewUniforms: view },
      parameters: { depthWriteEnabled: true, depthCompare: "less", blend: false },
      disableWarnings: true,   // about deck.gl's uniforms, which the shader does not use
    }));
    this.setState({ models, rules, view });
  }

  /** No attribute manager: deck.gl makes no attributes from rows. */
  protected override _getAttributeManager() {
    return null;
  }

  override updateState({ props, oldProps }: UpdateParameters<this>): void {
    const { models, rules } = this.state, { cells } = props;
    models.forEach((model, i) => {
      if (cells && cells !== oldProps.cells) {
        model.setAttributes({ cells });
      }
      model.setVertexCount(cells ? Math.ceil(props.length / [1, COARSE][i]!) : 0);
    });
    if (props.rules !== oldProps.rules) {
      rules.write(props.rules);
    }
    this.setNeedsRedraw();
  }

  override draw({ renderPass }: { renderPass: RenderPass }): void {
    const { cells, length, every, diameter, smallest, largest } = this.props;
    const { models, view } = this.state;
    if (!cells || length === 0) {
      return;
    }
    const { target, zoomX, width, height } = this.context.viewport as OrthographicViewport;
    const scale = 2 ** zoomX;
    const high = target.slice(0, 2).map((value) => Math.floor(value / 4096));
    const devicePixels = this.context.gl.drawingBufferWidth / width;
    const block = new ArrayBuffer(VIEW_BYTES);
    const integers = new Int32Array(block), floats = new Float32Array(block);
    integers.set(high, 0);
    floats.set([target[0] - 4096 * high[0]!, target[1] - 4096 * high[1]!], 2);
    // y points down on the slide, and up in clip space.
    floats.set([2 * scale / width, -2 * scale / height], 4);
    floats[6] = Math.min(Math.max(diameter * scale, smallest), largest) * devicePixels;
    view.write(block);
    models[every === 1 ? 0 : 1]!.draw(renderPass);
  }

  override finalizeState(context: this["context"]): void {
    super.finalizeState(context);
    this.state.models.forEach((model) => model.destroy());
    this.state.rules.destroy();
    this.state.view.destroy();
  }
}

CellLayer.defaultProps = {
  cells: { type: "object", value: null, optional: true },
  rules: { type: "object", value: null },
} as never;
