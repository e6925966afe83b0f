/*
 * payload.c
 *		Opening and reading a payload in a bytea argument.
 */
#include "read/payload.h"

#include "access/detoast.h"
#include "arguments.h"
#include "fault.h"
#include "miscadmin.h"

void
PayloadOpen(CbReader *reader, FunctionCallInfo fcinfo, int payload_arg, int layout_arg)
{
	const CbLayout *layout = GetLayoutArgument(fcinfo, layout_arg);
	uint64		size = toast_raw_datum_size(PG_GETARG_DATUM(payload_arg)) - VARHDRSZ;
	bytea	   *header = PG_GETARG_BYTEA_P_SLICE(payload_arg, 0, layout->header_size);
	bytea	   *payload;

	if (!cb_reader_open(reader, layout, (const uint8_t *) VARDATA_ANY(header), size))
		RaiseFault(layout, &reader->fault);

	payload = PG_GETARG_BYTEA_PP(payload_arg);
	if (!cb_reader_start(reader, (const uint8_t *) VARDATA_ANY(payload)))
		RaiseFault(layout, &reader->fault);
}

int64
PayloadCells(const CbLayout *layout, const bytea *payload)
{
	CbReader	reader;

	if (!cb_reader_open(&reader, layout, (const uint8_t *) VARDATA_ANY(payload),
						VARSIZE_ANY_EXHDR(payload)))
		RaiseFault(layout, &reader.fault);
	return (int64) reader.cells;
}

bool
PayloadRead(CbReader *reader, CbBatch *batch)
{
	CHECK_FOR_INTERRUPTS();
	if (!cb_reader_read(reader, batch))
		RaiseFault(reader->layout, &reader->fault);
	return batch->count > 0;
}
