/*
 * progress.h
 *		What a session that makes a payload is doing, for the view cell_progress.
 *
 * The report is in the backend's entry of PostgreSQL's backend status, where the
 * commands with a progress view keep theirs.  It belongs to no transaction, and is
 * there on a standby, too.  While another command reports its progress, for
 * example COPY (SELECT cell_data(...)) TO, nothing is reported.
 */
#ifndef CELL_BINARY_PROGRESS_H
#define CELL_BINARY_PROGRESS_H

#include "compat.h"

#include "datatype/timestamp.h"
#include "serve/store.h"

typedef enum ProgressPhase
{
	PROGRESS_WAITING = 1,		/* for a session that makes the same payload */
	PROGRESS_PACKING,			/* reading and packing the cells */
	PROGRESS_ENCODING,			/* in the content coding */
	PROGRESS_STORING,
	PROGRESS_FETCHING			/* from the study's relation of payloads */
} ProgressPhase;

/* The report of a call, as it is in the parameters of the backend's entry. */
typedef struct Progress
{
	uint32		checksum;		/* of what follows: a nested TRUNCATE of a table with an index,
								 * for one, overwrites parameters of any command */
	int32		phase;			/* 0: there is no report */
	int32		study;
	TimestampTz since;
	int32		number;			/* of the sample that cell_prepare makes ready, or 0 */
	int32		samples;		/* that it makes ready */
	char		layout[20];
	char		coding[12];
	char		sample[92];		/* cut if it is longer; empty for a study */
} Progress;

/*
 * Report a phase of making a payload.  If it is the first of the call, *outer
 * becomes the report of the call that this call is nested in.
 */
extern void ProgressReport(const PayloadKey *key, ProgressPhase phase, int32 number,
						   int32 samples, Progress *outer);

/* End the report of a call, and report again what the outer call did. */
extern void ProgressEnd(Progress *outer);

#endif							/* CELL_BINARY_PROGRESS_H */
