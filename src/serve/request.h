/*
 * request.h
 *		One call for the payload of a sample: from the store if it is there and
 *		right, packed otherwise.  The SQL functions are in data.c.
 */
#ifndef CELL_BINARY_REQUEST_H
#define CELL_BINARY_REQUEST_H

#include "compat.h"

#include "changes/source_state.h"
#include "coding/coding.h"
#include "format/layouts.h"
#include "serve/statistics.h"
#include "serve/store.h"

/* Why a payload is not taken from the store, nor put into it. */
typedef enum Detour
{
	NO_DETOUR,
	DETOUR_NOT_STORED,			/* the study's payloads are not to be stored */
	DETOUR_STORE_OFF,			/* no payloads are */
	DETOUR_STANDBY,				/* which cannot read unlogged tables */
	DETOUR_SERIALIZABLE,		/* conflicts are found as rows are read */
	DETOUR_ROW_SECURITY,		/* the caller sees other cells than others do */
	DETOUR_UNTRACKED,			/* changes of the source are not noticed */
	DETOUR_WRITTEN				/* the transaction itself changes the source:
								 * perhaps in a statement that calls us */
} Detour;

/* One call, and what it finds on its way. */
typedef struct Request
{
	Oid			schema;
	Study	   *study;
	Source		source;
	PayloadKey	key;			/* of the payload asked for */
	const CbLayout *layout;
	const Coding *coding;
	MemoryContext context;		/* for what is given */
	Snapshot	snapshot;		/* taken when all that is read was locked */
	SourceState state;			/* of the source when the call began */
	Detour		detour;
	bool		read_only;		/* the transaction is */
	bool		wants_payload;	/* and not only its head */
	bool		storable;		/* what is made may be stored */
	bool		made;			/* it was not ready */
	bool		stored;			/* what is given is in the store */
	StoreOutcome outcome;		/* of storing what was made */
	ErrorData  *error;			/* why it could not be stored */
	StoreStatistics counts;
} Request;

/* A payload on its way out: payload is 0 if only the head was wanted. */
typedef struct Served
{
	PayloadHead head;
	Datum		payload;
} Served;

/*
 * Begin a call of a function with the arguments study, sample, layout, coding.
 * Errors: those of StudyNamed, SourceCheck and of the arguments.
 */
extern void RequestBegin(Request *request, FunctionCallInfo fcinfo, bool wants_payload);

/* Give the payload, or its head.  Errors: P0002 if the sample has no cells. */
extern void RequestServe(Request *request, Served *result);

/* End the call: count it, and warn if the payload could not be stored. */
extern void RequestEnd(Request *request);

/* Why a payload cannot be stored: the detail of an error. */
extern const char *RequestDetourDetail(const Request *request);

#endif							/* CELL_BINARY_REQUEST_H */
