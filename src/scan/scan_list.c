/*
 * scan_list.c
 *		The table of the aggregates that a scan can compute, and converting the
 *		description of a scan to lists and back.
 */
#include "scan/scan_list.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "scan/terms.h"
#include "utils/syscache.h"

/* Ends with NULL. */
static const ScannedAggregate *const *aggregates;

void
ScanListInstall(const ScannedAggregate *const *scanned)
{
	aggregates = scanned;
}

const ScannedAggregate *
ScannedAggregateOf(Oid function)
{
	HeapTuple	row = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	Form_pg_aggregate form;
	const ScannedAggregate *found = NULL;

	if (!HeapTupleIsValid(row))
		return NULL;
	form = (Form_pg_aggregate) GETSTRUCT(row);
	if (form->aggkind == AGGKIND_NORMAL && OidIsValid(form->aggfinalfn))
	{
		PGFunction	transition = CodeOf(form->aggtransfn);

		for (int i = 0; transition != NULL && aggregates[i] != NULL; i++)
			if ((aggregates[i]->transition == transition ||
				 aggregates[i]->layout_transition == transition) &&
				aggregates[i]->final == CodeOf(form->aggfinalfn))
				found = aggregates[i];
	}
	ReleaseSysCache(row);
	return found;
}

/* Return the number of an aggregate in the table. */
static int
number_of(const ScannedAggregate *aggregate)
{
	int			number = 0;

	while (aggregates[number] != aggregate)
		number++;
	return number;
}

List *
ScanPlanToList(const ScanPlan *plan)
{
	return list_make3(list_make2_int(number_of(plan->aggregate), plan->grouped), plan->constant,
					  plan->tables);
}

ScanPlan
ScanPlanFromList(List *list)
{
	return (ScanPlan) {
		.aggregate = aggregates[linitial_int(linitial(list))],
		.grouped = lsecond_int(linitial(list)),
		.constant = lsecond(list),
		.tables = lthird(list),
	};
}
