/*
 * kept_plans.c
 *		Keeping the plans of the queries that were used last.
 *
 * The text of a query determines its plan, so nothing of a study is kept here: a
 * study that was registered again has another query, or the same.
 */
#include "study/kept_plans.h"

#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

/*
 * Of most studies two queries are kept; of a partitioned table, two for each sample.
 * A plan takes several times the memory of its text.
 */
#define MOST_PLANS 32
#define LONGEST_TEXT (16 * 1024)

static KeptPlan plans[MOST_PLANS];
static uint64 uses;

SPIPlanPtr
PrepareQuery(const char *text, int parameters, Oid *types, int options)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	plan = SPI_prepare_cursor(text, parameters, types, options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	MemoryContextSwitchTo(caller);
	return plan;
}

/* Prepare the query of a free place. */
static void
prepare(KeptPlan *kept, const char *text, uint32 hash, int parameters, Oid *types)
{
	SPIPlanPtr	plan = PrepareQuery(text, parameters, types, 0);
	char	   *copy = MemoryContextStrdup(TopMemoryContext, text);

	(void) SPI_keepplan(plan);
	*kept = (KeptPlan) {.text = copy, .hash = hash, .plan = plan};
}

/* Free the place of a plan that nobody uses. */
static void
forget(KeptPlan *kept)
{
	KeptPlan	forgotten = *kept;

	*kept = (KeptPlan) {0};
	(void) SPI_freeplan(forgotten.plan);
	pfree(forgotten.text);
}

/* Return a place that is free or was used least recently, or NULL. */
static KeptPlan *
free_place(void)
{
	KeptPlan   *oldest = NULL;

	for (int i = 0; i < MOST_PLANS; i++)
		if (plans[i].users == 0 && (oldest == NULL || plans[i].used_at < oldest->used_at))
			oldest = &plans[i];
	if (oldest != NULL && oldest->text != NULL)
		forget(oldest);
	return oldest;
}

/*
 * Return the plan of a text.  The types of the parameters count, too: after an update
 * of the extension in this session, they are others.
 */
static KeptPlan *
find(const char *text, uint32 hash, int parameters, const Oid *types)
{
	for (int i = 0; i < MOST_PLANS; i++)
		if (plans[i].text != NULL && plans[i].hash == hash && strcmp(plans[i].text, text) == 0)
		{
			CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(plans[i].plan));

			if (prepared->num_params == parameters &&
				(parameters == 0 ||
				 memcmp(prepared->param_types, types, parameters * sizeof(Oid)) == 0))
				return &plans[i];
		}
	return NULL;
}

KeptPlan *
KeptPlanOf(const char *text, int parameters, Oid *types)
{
	Size		length = strlen(text);
	uint32		hash;
	KeptPlan   *kept;

	if (length > LONGEST_TEXT)
		return NULL;
	hash = hash_bytes((const unsigned char *) text, length);
	kept = find(text, hash, parameters, types);

	/* The relations that the plan cache lists may be gone.  Begin anew. */
	if (kept != NULL &&
		!CachedPlanIsValid(linitial(SPI_plan_get_plan_sources(kept->plan))))
	{
		if (kept->users > 0)
			return NULL;
		forget(kept);
		kept = NULL;
	}
	if (kept == NULL)
	{
		kept = free_place();
		if (kept == NULL)
			return NULL;
		prepare(kept, text, hash, parameters, types);
	}
	kept->users++;
	kept->used_at = ++uses;
	return kept;
}

void
KeptPlanRelease(KeptPlan *kept)
{
	kept->users--;
}
