"""The errors of embed, and the translation of PostgreSQL's errors into one sentence."""

import traceback
from pathlib import Path

import psycopg
from psycopg import errors

UNSURE = "the server did not confirm the commit: the sample may be written"


class EmbedError(Exception):
    """The reason why no sample is written."""


def unexpected(error: BaseException) -> str:
    """Return one line that describes a bug of embed, with the details that a report needs."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-4:])
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    kind = type(error).__name__
    return f"unexpected error, please report it with this line: {kind}: {error} ({places})"


def said(error: psycopg.Error) -> str:
    """Return the message of PostgreSQL as one line, with its detail and hint."""
    rest = " ".join(filter(None, [error.diag.message_detail, error.diag.message_hint]))
    return f"{message_of(error)}: {rest}" if rest else message_of(error)


def message_of(error: psycopg.Error) -> str:
    return " ".join(str(error.diag.message_primary or error).split())


def refused(error: psycopg.Error, source: str, sample: str) -> str:
    """Return why the source does not take the virtual sample, and what would help."""
    message = message_of(error)
    match error:
        case errors.InsufficientPrivilege() if not error.diag.message_detail:
            return (f"{message}; the role needs SELECT, INSERT and DELETE on {source}, and "
                    "TEMPORARY on the database")
        case errors.ObjectNotInPrerequisiteState() | errors.WrongObjectType():
            return (f"{message}: {source} cannot be written; create INSTEAD OF triggers for INSERT "
                    "and DELETE on it, or register a study of a table")
        case errors.NotNullViolation():
            return (f"{message}; embed writes only the columns of the study: give the column a "
                    "default")
        case errors.StringDataRightTruncation():
            return (f'{message}: the sample column of {source} cannot hold the name "{sample}"; '
                    "make the column longer")
        case errors.UniqueViolation():
            return (f"{said(error)}; a virtual sample repeats cells of other samples, so cell_id "
                    f"can be unique in {source} only together with the sample")
        case errors.ForeignKeyViolation():
            return f'{said(error)} First add the sample "{sample}" there'
    return said(error)
