/*
 * query.c
 *		The texts of the queries on a study's source.  source.c runs them.
 */
#include "study/query.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "arguments.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "format/cell.h"
#include "study/distributed.h"
#include "study/sample.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Append a column of the source, cast to the given type. */
static void
append_column(StringInfo query, const SourceColumn *column, const char *type)
{
	appendStringInfo(query, "t.%s::pg_catalog.%s", quote_identifier(column->name), type);
}

/* Append the name of a function of the extension, and an opening parenthesis. */
static void
append_call(StringInfo query, const Study *study, const char *function)
{
	appendStringInfo(query, "%s.%s(", quote_identifier(get_namespace_name(study->schema)),
					 function);
}

/* Append the phenotypes of the cells t. */
static void
append_phenotypes(StringInfo query, const Study *study)
{
	if (study->phenotypes.name != NULL)
	{
		append_column(query, &study->phenotypes, "int8");
		return;
	}
	/* The types of all arguments leave one function that the call can resolve to. */
	append_call(query, study, "cell_phenotypes_of");
	for (int i = 0; i < CB_FEATURES; i++)
	{
		bool		is_boolean;

		appendStringInfoString(query, i > 0 ? ", " : "");
		if (i >= study->feature_columns)
		{
			appendStringInfoString(query, "false");
			continue;
		}
		is_boolean = study->feature[i].type == BOOLOID;
		if (!is_boolean)
			append_call(query, study, "cell_positive");
		append_column(query, &study->feature[i], is_boolean ? "bool" : "int8");
		if (!is_boolean)
			appendStringInfoChar(query, ')');
	}
	appendStringInfoChar(query, ')');
}

/* Append the intensities of the cells t. */
static void
append_intensities(StringInfo query, const Study *study)
{
	append_column(query, &study->intensities, study->intensities.type == FLOAT4ARRAYOID ?
				  "_float4" : "_float8");
}

/* Append the call of cell_pack for the cells t; the layout is parameter $layout. */
static void
append_cell_pack(StringInfo query, const Study *study, int layout)
{
	bool		integers = (study->x.type == INT2OID || study->x.type == INT4OID) &&
		(study->y.type == INT2OID || study->y.type == INT4OID);

	append_call(query, study, "cell_pack");
	append_column(query, &study->cell_id, "int8");
	appendStringInfoString(query, ", ");
	append_column(query, &study->x, integers ? "int4" : "float8");
	appendStringInfoString(query, ", ");
	append_column(query, &study->y, integers ? "int4" : "float8");
	appendStringInfoString(query, ", ");
	append_phenotypes(query, study);
	appendStringInfo(query, ", $%d)", layout);
}

/* Append the aggregate that packs the cells t; the layout can be parameter $parameter. */
static void
append_pack(StringInfo query, const Study *study, const CbLayout *layout, int parameter)
{
	if (!layout->has_intensities)
	{
		append_cell_pack(query, study, parameter);
		return;
	}
	append_call(query, study, "cell_pack_intensities");
	append_column(query, &study->cell_id, "int8");
	appendStringInfoString(query, ", ");
	append_intensities(query, study);
	appendStringInfo(query, ", %d)", study->features);
}

/* Append the relation t and the beginning of its condition. */
static void
append_relation(StringInfo query, Oid relation)
{
	const char *schema = get_namespace_name(get_rel_namespace(relation));

	appendStringInfo(query, " FROM %s AS t WHERE ",
					 quote_qualified_identifier(schema, get_rel_name(relation)));
}

static void
append_source(StringInfo query, const Study *study)
{
	append_relation(query, study->source);
	appendStringInfo(query, "t.%s", quote_identifier(study->sample.name));
}

/* Begin a query whose first column is the name of the sample. */
static void
begin_by_sample(StringInfo query, const Study *study)
{
	initStringInfo(query);
	appendStringInfoString(query, "SELECT ");
	append_column(query, &study->sample, "text");
}

/* Begin a query that packs the cells t, up to the name of the sample column. */
static void
begin_pack(StringInfo query, const Study *study, const CbLayout *layout)
{
	initStringInfo(query);
	appendStringInfoString(query, "SELECT ");
	append_pack(query, study, layout, 2);
	append_source(query, study);
}

static char *
pack_query(const Study *study, const CbLayout *layout)
{
	StringInfoData query;

	begin_pack(&query, study, layout);
	appendStringInfoString(&query, " OPERATOR(pg_catalog.=) " SAMPLE_PARAMETER);
	return query.data;
}

/*
 * The planner sends an aggregate over a partitioned table to the servers of its
 * partitions only if the rows are grouped by the partition key.  With "sample = $1",
 * PostgreSQL 16 and later would drop the grouping, because all rows have the same
 * sample.
 */
static char *
pack_group_query(const Study *study, const CbLayout *layout)
{
	StringInfoData query;

	begin_pack(&query, study, layout);
	appendStringInfo(&query, " OPERATOR(pg_catalog.=) ANY (ARRAY[" SAMPLE_PARAMETER
					 "]) GROUP BY t.%s", quote_identifier(study->sample.name));
	return query.data;
}

static char *
pack_all_query(const Study *study, const CbLayout *layout)
{
	StringInfoData query;

	begin_by_sample(&query, study);
	appendStringInfoString(&query, ", ");
	append_pack(&query, study, layout, 1);
	append_source(&query, study);
	appendStringInfo(&query, " IS NOT NULL GROUP BY t.%s", quote_identifier(study->sample.name));
	return query.data;
}

/* Whether the source has a B-tree index whose first column is the sample. */
static bool
has_sample_index(const Study *study)
{
	AttrNumber	column = get_attnum(study->source, study->sample.name);
	bool		found = false;
	Relation	source;
	ListCell   *cell;

	/*
	 * An index of a plain table does not cover its children.  Citus does not
	 * support recursive queries on distributed tables.
	 */
	if (IsDistributed(study->source) ||
		(study->source_kind != RELKIND_PARTITIONED_TABLE &&
		 (study->source_kind != RELKIND_RELATION || has_subclass(study->source))))
		return false;

	source = table_open(study->source, NoLock);
	foreach(cell, RelationGetIndexList(source))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		found |= index->rd_index->indisvalid && index->rd_index->indkey.values[0] == column &&
			index->rd_rel->relam == BTREE_AM_OID &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
		index_close(index, NoLock);
	}
	table_close(source, NoLock);
	return found;
}

/*
 * The query of samples_query for a source with an index on the sample.  Each
 * step of the recursion looks up the next sample in the index, which takes one
 * index descent for each sample instead of a scan of all cells.
 */
static char *
samples_by_index(const Study *study)
{
	StringInfoData source;
	const char *sample = quote_identifier(study->sample.name);

	initStringInfo(&source);
	append_source(&source, study);
	return psprintf("WITH RECURSIVE s (sample) AS ("
					"(SELECT t.%1$s%2$s IS NOT NULL ORDER BY t.%1$s LIMIT 1) UNION ALL "
					"SELECT (SELECT t.%1$s%2$s OPERATOR(pg_catalog.>) s.sample ORDER BY t.%1$s "
					"LIMIT 1) "
					"FROM s WHERE s.sample IS NOT NULL) "
					"SELECT s.sample::pg_catalog.text FROM s WHERE s.sample IS NOT NULL",
					sample, source.data);
}

static char *
samples_group_query(const Study *study)
{
	StringInfoData query;

	begin_by_sample(&query, study);
	append_source(&query, study);
	appendStringInfo(&query, " IS NOT NULL GROUP BY t.%s ORDER BY t.%s",
					 quote_identifier(study->sample.name), quote_identifier(study->sample.name));
	return query.data;
}

static char *
samples_query(const Study *study)
{
	return has_sample_index(study) ? samples_by_index(study) : samples_group_query(study);
}

/*
 * The feature columns are read as they are, not combined by cell_phenotypes,
 * so that an error about a value can name the cell.
 */
static char *
intensities_query(const Study *study)
{
	StringInfoData query;

	begin_by_sample(&query, study);
	appendStringInfoString(&query, ", ");
	append_column(&query, &study->cell_id, "int8");
	appendStringInfoString(&query, ", ");
	append_intensities(&query, study);
	if (study->phenotypes.name != NULL)
	{
		appendStringInfoString(&query, ", ");
		append_column(&query, &study->phenotypes, "int8");
	}
	for (int i = 0; i < study->feature_columns; i++)
	{
		appendStringInfoString(&query, ", ");
		append_column(&query, &study->feature[i], study->feature[i].type == BOOLOID ? "bool" :
					  "int8");
	}
	append_source(&query, study);
	appendStringInfoString(&query, " IS NOT NULL");
	return query.data;
}

static char *
scan_intensities_query(const Study *study)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_call(&query, study, "cell_subsample_cells");
	append_column(&query, &study->sample, "text");
	appendStringInfoString(&query, ", ");
	append_column(&query, &study->cell_id, "int8");
	appendStringInfoString(&query, ", ");
	append_intensities(&query, study);
	appendStringInfoString(&query, ", ");
	append_phenotypes(&query, study);
	appendStringInfoChar(&query, ')');
	append_source(&query, study);
	appendStringInfoString(&query, " IS NOT NULL");
	return query.data;
}

/* Return a query of the rows in a layout and a coding. */
static StringInfoData
ready_query(const Study *study, const char *columns)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s", columns);
	append_relation(&query, study->payloads);
	appendStringInfoString(&query, "t.layout OPERATOR(pg_catalog.=) $1 AND "
						   "t.coding OPERATOR(pg_catalog.=) $2");
	return query;
}

static char *
ready_one_query(const Study *study, bool wants_payload)
{
	StringInfoData query = ready_query(study, wants_payload ? "t.payload" :
									   "t.cells, t.bytes, t.etag");

	appendStringInfoString(&query, " AND t.sample OPERATOR(pg_catalog.=) $3");
	return query.data;
}

static char *
ready_all_query(const Study *study)
{
	return ready_query(study, "t.sample, t.cells, t.payload").data;
}

static char *
ready_samples_query(const Study *study)
{
	StringInfoData query = ready_query(study, "t.sample");

	appendStringInfoString(&query, " AND t.sample IS NOT NULL GROUP BY t.sample "
						   "ORDER BY t.sample");
	return query.data;
}

static void
add_parameter(QueryText *query, Oid type, Datum value)
{
	query->types[query->count] = type;
	query->values[query->count++] = value;
}

/* Add the layout of a query that packs; payloads of intensities have no parameter for it. */
static void
add_layout(QueryText *query, const Study *study, const CbLayout *layout)
{
	Oid			type;
	Datum		value;

	if (layout->has_intensities)
		return;
	value = LayoutValue(study->schema, layout, &type);
	add_parameter(query, type, value);
}

QueryText
QueryTextOf(const Study *study, SourceQuery query, const SourceArguments *arguments)
{
	QueryText	result = {0};

	switch (query)
	{
		case SOURCE_PACK:
			result.text = pack_query(study, arguments->layout);
			add_parameter(&result, SampleParameterType(study->sample.type), arguments->sample);
			add_layout(&result, study, arguments->layout);
			break;
		case SOURCE_PACK_ALL:
			result.text = pack_all_query(study, arguments->layout);
			add_layout(&result, study, arguments->layout);
			break;
		case SOURCE_SAMPLES:
			result.text = samples_query(study);
			break;
		case SOURCE_INTENSITIES:
			result.text = intensities_query(study);
			break;
		case SOURCE_SCAN_INTENSITIES:
			result.text = scan_intensities_query(study);
			break;
		case SOURCE_READY:
			result.text = ready_one_query(study, true);
			break;
		case SOURCE_READY_HEAD:
			result.text = ready_one_query(study, false);
			break;
		case SOURCE_READY_ALL:
			result.text = ready_all_query(study);
			break;
		case SOURCE_READY_SAMPLES:
			result.text = ready_samples_query(study);
			break;
	}
	if (IsOfPayloads(query))
	{
		add_parameter(&result, TEXTOID, CStringGetTextDatum(arguments->layout->name));
		add_parameter(&result, TEXTOID, CStringGetTextDatum(arguments->coding->name));
		if (query == SOURCE_READY || query == SOURCE_READY_HEAD)
			add_parameter(&result, TEXTOID, arguments->sample);
	}
	return result;
}

char *
GroupQueryText(const Study *study, SourceQuery query, const CbLayout *layout)
{
	switch (query)
	{
		case SOURCE_PACK:
			return pack_group_query(study, layout);
		case SOURCE_PACK_ALL:
			return pack_all_query(study, layout);
		case SOURCE_SAMPLES:
			return samples_group_query(study);
		case SOURCE_READY_SAMPLES:
			return ready_samples_query(study);
		default:
			elog(ERROR, "query %d is not grouped", (int) query);
	}
}
