/*
 * virtual_sample.h
 *		The sample of a study whose cells are at the places that an embedding
 *		gives them, instead of their places on a slide.
 */
#ifndef CELL_BINARY_VIRTUAL_SAMPLE_H
#define CELL_BINARY_VIRTUAL_SAMPLE_H

/*
 * SMProfiler's name of it.  Its cells are cells of other samples once more, so a
 * subsample leaves them out.
 */
#define VIRTUAL_SAMPLE "UMAP virtual sample"

#endif							/* CELL_BINARY_VIRTUAL_SAMPLE_H */
