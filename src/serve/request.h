/*
 * request.h
 *		Serving the payload of a sample or of a study to one call: from the store
 *		if the stored payload is right for the caller, packed otherwise.  The SQL
 *		functions are in data.c and prepare.c.
 */
#ifndef CELL_BINARY_REQUEST_H
#define CELL_BINARY_REQUEST_H

#include "compat.h"

#include "changes/source_state.h"
#include "coding/codings.h"
#include "serve/payload_kind.h"
#include "serve/progress.h"
#include "serve/statistics.h"
#include "serve/store.h"

/* Why a call neither reads the store nor writes it. */
typedef enum Detour
{
	NO_DETOUR,
	DETOUR_ELSEWHERE,			/* the study's payloads are in another relation */
	DETOUR_NOT_STORED,			/* the study is registered without storing */
	DETOUR_STORE_OFF,			/* cell_binary.store_size is 0 */
	DETOUR_STANDBY,				/* a standby cannot read unlogged tables */
	DETOUR_SERIALIZABLE,		/* conflicts are detected by the rows read */
	DETOUR_ROW_SECURITY,		/* the caller may see only some of the cells */
	DETOUR_UNTRACKED,			/* changes of the source could go unrecorded */
	DETOUR_WRITTEN				/* the transaction has changed the source, or
								 * the calling statement is changing it */
} Detour;

/* One call, from RequestBegin to RequestEnd. */
typedef struct Request
{
	Oid			schema;
	Study	   *study;
	Source		source;
	PayloadKey	key;			/* of the requested payload */
	Datum		sample;			/* its value, in the sample's type */
	PayloadKind kind;
	const Coding *coding;
	MemoryContext context;		/* of the results */
	Snapshot	snapshot;		/* taken after the relations were locked */
	SourceState state;			/* of the source, read after the snapshot */
	Detour		detour;
	bool		read_only;		/* the transaction is read-only */
	bool		wants_payload;	/* false: only the head */
	bool		only_ready;		/* do not pack what is not ready elsewhere */
	bool		missing;		/* the payload is not ready elsewhere */
	bool		storable;		/* a payload that is built may be stored */
	bool		made;			/* the payload was built by this call */
	bool		stored;			/* the served payload is in the store */
	StoreOutcome outcome;		/* of storing the built payload */
	ErrorData  *error;			/* why it could not be stored, or NULL */
	StoreStatistics counts;
	int32		number;			/* of the sample, if cell_prepare calls, or 0 */
	int32		samples;		/* that cell_prepare makes ready */
	bool		reports;		/* the call has reported progress */
	Progress	outer;			/* what the backend reported before */
} Request;

/* What a call serves.  payload can be 0 if the call wants only the head. */
typedef struct Served
{
	PayloadHead head;
	Datum		payload;
} Served;

/*
 * Begin a call of a SQL function with the arguments study, sample, layout and
 * coding, of which only sample may be NULL: lock the source, check the caller's
 * privileges, take the snapshot and read the source's state.  Errors: those of
 * StudyNamed, of SourceCheck and of the arguments; 22004 and 22023 if a sample is
 * missing or one too many; 42704 if the study has no intensities, but needs them.
 */
extern void RequestBegin(Request *request, FunctionCallInfo fcinfo, bool wants_payload);

/*
 * Serve the payload, or its head.  The results are in request->context.
 * Errors: P0002 if the sample or the study has no cells, and those of packing.
 */
extern void RequestServe(Request *request, Served *result);

/*
 * End the call: add to the statistics, close the source, release the snapshot,
 * and raise a WARNING if the payload could not be stored.
 */
extern void RequestEnd(Request *request);


#endif							/* CELL_BINARY_REQUEST_H */
