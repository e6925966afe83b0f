"""SQL that converts columns of a source to the types that the map declares, with checks."""

from engine import literal
from errors import KINDS
from mapping import FRACTIONS, INTEGERS, Column
from reading import Field, Rows

NUMBERS = FRACTIONS | INTEGERS
EXACT = 1 << 53           # from here on, a DOUBLE does not tell each integer from the next
NOT_EXACT = "an integer is too large for DOUBLE"


def expression(column: Column, part: Rows) -> str:
    found = part.fields[column.name]
    if not found:
        return f"CAST({column.default} AS {column.type})"
    if not column.many:
        return of_equal(column, found[""], part)
    keys = ", ".join(map(literal, found))
    values = ", ".join(of_equal(column.many, fields, part) for fields in found.values())
    return f"map([{keys}], [{values}])"


def of_equal(column: Column, fields: list[Field], part: Rows) -> str:
    """Return the expression of a column that the source has once, or more than once."""
    first, *others = fields
    found = value(column, first, part)
    for other in others:
        place = f"row ' || {part.number} || ', columns" if part.number else "columns"
        message = (
            f"'{place} ' || {literal(f'{first.name} and {other.name}')} || ': \"' || "
            f"coalesce({first.called}::VARCHAR, '') || '\" and \"' || "
            f"coalesce({other.called}::VARCHAR, '') || '\" differ'")
        found = (f"CASE WHEN {first.called} IS DISTINCT FROM {other.called} "
                 f"THEN error({message}) ELSE {found} END")
    return found


def value(column: Column, field: Field, part: Rows) -> str:
    """Return the expression that converts a column of the source to its declared type.

    The expression raises an error that contains a value that does not fit. It turns NaN into NULL,
    because to DuckDB NaN is greater than every threshold.
    """
    source, type = field.called, field.type
    place = f"row ' || {part.number} || ', column" if part.number else "column"

    def checked(expression: str, condition: str, kind: str) -> str:
        message = (
            f"'{place} ' || {literal(field.name)} || ': \"' || {source} || '\" is not {kind}'"
        )
        return f"CASE WHEN {condition} THEN {expression} ELSE error({message}) END"

    if column.type == "VARCHAR":
        if type not in FRACTIONS:
            return f"nullif({source}::VARCHAR, '')"
        # Write whole numbers and NULL as in CSV.
        return (
            f"CASE WHEN {source} = trunc({source}) AND abs({source}) < 1e15 "
            f"THEN {source}::BIGINT::VARCHAR WHEN NOT isnan({source}) THEN {source}::VARCHAR END"
        )
    if column.type == "BOOLEAN":
        if type == "BOOLEAN":
            return source
        number = f"TRY_CAST({source} AS DOUBLE)"
        boolean = f"TRY_CAST({source}::VARCHAR AS BOOLEAN)"
        expression = (
            f"CASE WHEN NOT coalesce(isnan({number}), false) "
            f"THEN coalesce({number} = 1, {boolean}) END"
        )
        condition = (
            f"{source} IS NULL OR {source}::VARCHAR = '' OR {number} IN (0, 1) "
            f"OR isnan({number}) OR ({number} IS NULL AND {boolean} IS NOT NULL)"
        )
        return checked(expression, condition, KINDS["BOOLEAN"])
    if column.type not in NUMBERS:
        cast = f"TRY_CAST({source} AS {column.type})"
        return checked(cast, f"{source} IS NULL OR {cast} IS NOT NULL", f"of type {column.type}")

    is_number = type in NUMBERS or type.startswith("DECIMAL")
    number = f"{source}::DOUBLE" if is_number else number_in_text(source, part.decimal)
    if column.type in FRACTIONS:
        plain = f"CASE WHEN NOT isnan({number}) THEN {number} END"
        if is_number:
            return plain
        is_null = f"{source} IS NULL OR {source} = ''"
        return checked(plain, f"{is_null} OR {number} IS NOT NULL", KINDS["DOUBLE"])
    whole = f"{number} = trunc({number}) AND abs({number}) < {EXACT}"
    if type in INTEGERS:
        cast = f"TRY_CAST({source} AS {column.type})"
        return checked(cast, f"{source} IS NULL OR {cast} IS NOT NULL",
                       f"{KINDS['BIGINT']} of type {column.type}")
    if is_number:
        found = checked(
            f"{number}::{column.type}",
            f"{source} IS NULL OR isnan({source}) OR ({whole})", KINDS["BIGINT"])
        found = f"CASE WHEN NOT isnan({source}) THEN {found} END" if type in FRACTIONS else found
        if not part.form:
            return found
        return f"CASE WHEN abs({source}) >= {EXACT} THEN error('{NOT_EXACT}') ELSE {found} END"
    digits = f"regexp_full_match({source}, ' *[-+]?[0-9]+ *')"
    cast = f"TRY_CAST({source} AS {column.type})"
    expression = (
        f"CASE WHEN {digits} THEN {cast} WHEN NOT isnan({number}) THEN {number}::{column.type} END")
    condition = (
        f"{source} IS NULL OR {source} = '' OR ({digits} AND {cast} IS NOT NULL) "
        f"OR (NOT {digits} AND (isnan({number}) OR ({whole})))")
    return checked(expression, condition, KINDS["BIGINT"])


def number_in_text(source: str, decimal: str) -> str:
    """Return the expression of the number that a text is, or of NULL."""
    # DuckDB reads 1_000 as a number.
    other = {".": "_", ",": "[_.]"}[decimal]
    text = f"replace({source}, ',', '.')" if decimal == "," else source
    return f"CASE WHEN NOT regexp_matches({source}, '{other}') THEN TRY_CAST({text} AS DOUBLE) END"
