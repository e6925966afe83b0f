/** The UMAP of a study. Its cells are cells of the samples, at the places that an embedding by
 * UMAP gives them. The service has them as one more sample, which is no slide. */

/** SMProfiler's name of that sample. */
export const VIRTUAL_SAMPLE = "UMAP virtual sample";

/** The samples of a study without the UMAP. */
export const slidesOf = (samples: readonly string[]): string[] =>
  samples.filter((sample) => sample !== VIRTUAL_SAMPLE);

/** The sample as messages name it. */
export const nameOf = (sample: string): string =>
  sample === VIRTUAL_SAMPLE ? "the UMAP" : sample;
