/*
 * fault.c
 *		Raising, as errors, the faults that src/format finds.  The texts for all
 *		fault codes are here.
 */
#include "fault.h"

/* Describe the failed check, for the detail of "invalid payload". */
static const char *
decoding_fault_detail(const CbLayout *layout, const CbFault *fault)
{
	const char *field = fault->field;
	const long long cell = fault->cell;
	const long long found = fault->found;
	const long long expected = fault->expected;

	switch (fault->code)
	{
		case CB_HEADER_CUT:
			return psprintf("The header takes %lld bytes, but the payload has only %lld.",
							expected, found);
		case CB_WRONG_LENGTH:
			return psprintf("The header gives %lld cells, so the payload must have %lld bytes, "
							"but it has %lld.", cell, expected, found);
		case CB_ID_NOT_ASCENDING:
			return psprintf("The cell at position %lld has cell_id %lld, which is not above the "
							"previous cell_id %lld.", cell, found, expected);
		case CB_WRONG_EXTENT:
			return psprintf("The %s is %lld in the header, but %lld in the cells.",
							field, found, expected);
		case CB_WRONG_BYTE:
			return psprintf("Byte %lld is %lld instead of %lld.", cell, found, expected);
		case CB_WRONG_FIELD:
			return psprintf("The header has an invalid value for the %s: %lld.", field, found);
		case CB_WRONG_PARENT:
			return psprintf("The parent of feature %lld is %lld, which is not a lower feature "
							"with a plane.", cell, found);
		case CB_FIRST_NOT_ZERO:
			return psprintf("The first %s is not 0.", field);
		case CB_ID_TOO_LARGE:
			return psprintf("A cell_id would be above the maximum of %u.", PG_UINT32_MAX);
		case CB_COORDINATE_OUTSIDE:
			return psprintf("The %s coordinate of the cell at position %lld would be %lld, above "
							"the maximum of "
							"%d.", field, cell, found, PG_INT32_MAX);
		case CB_BITS_BEHIND_LAST:
			return "A plane has bits set after the last cell.";
		case CB_NOT_NEEDED:
			return psprintf("The value in the header for the %s does not match the cells.", field);
		case CB_PART_OF_CELL:
			return psprintf("A cell with %lld intensities takes %lld bytes, which do not divide "
							"the %lld bytes of the payload.", cell, expected, found);
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
			 errhint("A cell_id must be unique in its sample: group the rows by sample, and remove "
					 "repeated rows.")));
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
					 errmsg("%s coordinate %lld of cell_id %llu is out of range for layout \"%s\"",
							fault->field, (long long) fault->found,
							(unsigned long long) fault->cell, layout->name),
					 errdetail("The layout shifts coordinates so that they start at 1, and the "
							   "largest coordinate that it can store is %lld.",
							   (long long) fault->expected)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid payload for layout \"%s\"", layout->name),
					 errdetail_internal("%s", decoding_fault_detail(layout, fault)),
					 layout->has_intensities ?
					 errhint("The layout and the number of channels must be those that the "
							 "payload was packed with.") :
					 errhint("The layout must be the one that the payload was packed with.")));
	}
}
