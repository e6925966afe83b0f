/** The duration of each step of the last load, as entries of the User Timing API. */

const STEPS = ["transfer", "decode", "upload", "draw"] as const;
type Name = typeof STEPS[number] | "first-frame";

/** Record the time of a step that ends now, in place of the entry of the last load. */
export function measure(name: Name, start: number): void {
  performance.clearMeasures(name);
  performance.measure(name, { start, end: performance.now() });
}

export function forget(): void {
  [...STEPS, "first-frame"].forEach((name) => performance.clearMeasures(name));
}

/** For example "transfer 210 ms, decode 1 ms, upload 20 ms, draw 40 ms" */
export const summary = (): string => STEPS
  .flatMap((name) => performance.getEntriesByName(name, "measure"))
  .map((entry) => `${entry.name} ${Math.round(entry.duration).toLocaleString("en")} ms`)
  .join(", ");

/** Wait until the GPU has executed all commands so far. */
export function gpuDone(gl: WebGL2RenderingContext): Promise<void> {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  return new Promise((resolve) => {
    const look = () => {
      // There is no fence if the context is lost, and that has its own message.
      if (fence && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED) {
        setTimeout(look, 1);
      } else {
        gl.deleteSync(fence);
        resolve();
      }
    };
    look();
  });
}
