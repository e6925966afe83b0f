/*
 * payload.c
 *		Opening and reading a payload in a bytea argument.
 */
#include "read/payload.h"

#include "access/detoast.h"
#include "arguments.h"
#include "fault.h"
#include "miscadmin.h"

static void
check_channels(const CbLayout *layout, int32 channels)
{
	if (layout->has_intensities && (channels < 1 || channels > CB_FEATURES))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of channels %d is out of range", channels),
				 errdetail("In layout \"%s\", a cell has from 1 to %d channels.  The payload does "
						   "not say how many.", layout->name, CB_FEATURES)));
	if (!layout->has_intensities && channels != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("layout \"%s\" has no channels", layout->name),
				 errhint("Leave out the argument channels.")));
}

void
PayloadOpen(CbReader *reader, Datum payload, const CbLayout *layout, int32 channels)
{
	uint64		size = toast_raw_datum_size(payload) - VARHDRSZ;
	bytea	   *bytes = DatumGetByteaPSlice(payload, 0, layout->header_size);

	check_channels(layout, channels);
	if (!cb_reader_open(reader, layout, channels, (const uint8_t *) VARDATA_ANY(bytes), size))
		RaiseFault(layout, &reader->fault);

	bytes = DatumGetByteaPP(payload);
	if (!cb_reader_start(reader, (const uint8_t *) VARDATA_ANY(bytes)))
		RaiseFault(layout, &reader->fault);
}

int64
PayloadCells(const CbLayout *layout, int channels, const bytea *payload)
{
	CbReader	reader;

	if (!cb_reader_open(&reader, layout, layout->has_intensities ? channels : 0,
						(const uint8_t *) VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload)))
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
