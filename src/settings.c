/*
 * settings.c
 *		The settings (GUC variables) of the extension, and the error for a payload
 *		that exceeds the largest size.
 */
#include "settings.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"

int			cell_binary_max_payload_size;
bool		cell_binary_huge_pages;
bool		cell_binary_scan;
int			cell_binary_store_size;

/*
 * Refuse a session that was started with a value for a setting that its role
 * is not allowed to set.  Until this library is loaded, PostgreSQL accepts any
 * name that contains a period from any role.  Such a value replaces the one
 * from the server's configuration, the database or the role, so that only the
 * built-in default would be left to fall back to.  It is the value that RESET
 * restores; a SET after it only hides it.
 */
static void
refuse_option(const char *name, GucContext context)
{
	struct config_generic *setting = FindSetting(name);

	if (setting == NULL ||
		setting->reset_source <= PGC_S_ARGV || setting->reset_source >= PGC_S_OVERRIDE)
		return;
	if (context == PGC_SIGHUP)
		ereport(ERROR,
				(errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM),
				 errmsg("parameter \"%s\" cannot be set for a database, a role or a connection",
						name),
				 errhint("Remove it with ALTER DATABASE ... RESET or ALTER ROLE ... RESET, or from "
						 "the connection options, and set it in the configuration of the "
						 "server.")));
	if (setting->reset_source == PGC_S_CLIENT && !superuser_arg(GetSessionUserId()) &&
		pg_parameter_aclcheck(name, GetSessionUserId(), ACL_SET) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set parameter \"%s\"", name),
				 errhint("Reconnect without this option.")));
}

void
DefineSettings(void)
{
	const int	kilobyte = 1024;
	const int	gigabyte = 1024 * 1024 * 1024;

	refuse_option("cell_binary.max_payload_size", PGC_SUSET);
	refuse_option("cell_binary.store_size", PGC_SIGHUP);

	DefineCustomIntVariable("cell_binary.max_payload_size",
							"Sets the maximum size of one payload of cells.",
							"A bytea can hold at most 1GB minus 5 bytes, whatever the value "
							"of this setting.",
							&cell_binary_max_payload_size,
							gigabyte, kilobyte, gigabyte,
							PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("cell_binary.huge_pages",
							 "Requests transparent huge pages for large payloads.",
							 NULL,
							 &cell_binary_huge_pages,
							 true,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("cell_binary.scan",
							 "Enables reading the cells of a table straight from its pages.",
							 "The result is the same as without it.",
							 &cell_binary_scan,
							 true,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("cell_binary.store_size",
							"Sets the maximum total size of the stored payloads of a database.",
							"The least recently used payloads are removed first; 0 stores no "
							"payloads, and -1 sets no limit.",
							&cell_binary_store_size,
							8 * 1024, -1, MAX_KILOBYTES,
							PGC_SIGHUP, GUC_UNIT_MB,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("cell_binary");
}

void
RaiseTooLarge(const char *what, const char *fact, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s would exceed %d bytes", what, MaxPayloadSize()),
			 MaxPayloadSize() < LARGEST_BYTEA ?
			 errdetail("%s; the limit is \"cell_binary.max_payload_size\".", fact) :
			 errdetail("%s; the limit is the maximum size of a bytea.", fact),
			 hint ? errhint("%s", hint) : 0));
}
