/*
 * fault.c
 *		The faults that src/format finds, raised as errors; the one table from a
 *		fault's code to its text.
 */
#include "fault.h"

/* The failed check, as the detail of "invalid payload". */
static const char *
decoding_fault_detail(const CbLayout *layout, const CbFault *fault)
{
	switch (fault->code)
	{
		case CB_HEADER_CUT:
			return psprintf("A header takes " INT64_FORMAT " bytes, but the payload has " INT64_FORMAT ".",
							fault->expected, fault->found);
		case CB_WRONG_LENGTH:
			return psprintf("By its header, which gives " UINT64_FORMAT " cells, the payload would have " INT64_FORMAT " bytes, but it has " INT64_FORMAT ".",
							fault->cell, fault->expected, fault->found);
		case CB_ID_NOT_ASCENDING:
			return psprintf("The cell at position " UINT64_FORMAT " has cell_id " INT64_FORMAT ", which does not come after " INT64_FORMAT ".",
							fault->cell, fault->found, fault->expected);
		case CB_WRONG_EXTENT:
			return psprintf("The header gives " INT64_FORMAT " as %s, but the cells have " INT64_FORMAT ".",
							fault->found, fault->field, fault->expected);
		case CB_WRONG_BYTE:
			return psprintf("Byte " UINT64_FORMAT " is " INT64_FORMAT ", where the layout has " INT64_FORMAT ".",
							fault->cell, fault->found, fault->expected);
		case CB_WRONG_FIELD:
			return psprintf("The header gives " INT64_FORMAT " as %s, which is not possible.",
							fault->found, fault->field);
		case CB_WRONG_PARENT:
			return psprintf("Feature " UINT64_FORMAT " has the parent " INT64_FORMAT ", which is not a lower feature with a plane.",
							fault->cell, fault->found);
		case CB_FIRST_NOT_ZERO:
			return psprintf("The first cell has a %s, although there is none before it.",
							fault->field);
		case CB_ID_TOO_LARGE:
			return psprintf("There would be a cell_id over %u.", PG_UINT32_MAX);
		case CB_COORDINATE_OUTSIDE:
			return psprintf("The cell at position " UINT64_FORMAT " would have the %s coordinate " INT64_FORMAT ", which is over %d.",
							fault->cell, fault->field, fault->found, PG_INT32_MAX);
		case CB_BITS_BEHIND_LAST:
			return "There are bits behind those of the last cell.";
		case CB_NOT_NEEDED:
			return psprintf("The cells don't need the header's %s.", fault->field);
		default:
			elog(ERROR, "unexpected fault %d of layout \"%s\"", (int) fault->code, layout->name);
	}
}

void
RaiseRepeatedId(uint32 cell_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("more than one row has cell_id %u", cell_id),
			 errhint("A cell_id must be unique in its sample: group the rows by sample, and remove repeated ones.")));
}

void
RaiseFault(const CbLayout *layout, const CbFault *fault)
{
	switch (fault->code)
	{
		case CB_ID_REPEATED:
			RaiseRepeatedId((uint32) fault->cell);
		case CB_COORDINATE_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s coordinate " INT64_FORMAT " of cell_id " UINT64_FORMAT " is out of range for layout \"%s\"",
							fault->field, fault->found, fault->cell, layout->name),
					 errdetail("The layout shifts coordinates so that they start at 1, and stores at most " INT64_FORMAT ".",
							   fault->expected)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid payload for layout \"%s\"", layout->name),
					 errdetail_internal("%s", decoding_fault_detail(layout, fault)),
					 errhint("The layout must be the one that the payload was packed with.")));
	}
}
