"""Runs the tables, views and queries of athena/ in DuckDB, over a directory of objects.

DuckDB replaces Athena's engine and the OpenX SerDe. A string column accepts any JSON value, and a value that is not a
string becomes JSON text. A line that cannot be parsed becomes a row of NULLs. docs/athena.md lists the known differences.
"""

import re
from datetime import datetime
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

import archive
import sources

TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMP", "array<string>": "VARCHAR[]"}


def database(directory: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Returns a database with the views and the tables. The tables are empty if there is no directory."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in sources.tables():
        create(connection, table, archive.objects(directory, table.name) if directory else [])
    for path in sources.files("views"):
        connection.execute(in_duckdb(path.read_text()))
    return connection


def create(connection: duckdb.DuckDBPyConnection, table: sources.Table, objects: list[archive.Object]) -> None:
    columns = {column.name: TYPES[column.type] for column in table.columns}
    definitions = ", ".join(f'"{name}" {type}' for name, type in columns.items())
    connection.execute(f'CREATE TABLE "{table.name}" ({definitions}, day VARCHAR, "$path" VARCHAR)')
    for object in objects:
        day = day_of(table, object.key)
        if day is not None:
            connection.execute(
                f"""INSERT INTO "{table.name}" SELECT *, ?, ?
                    FROM read_json(?, format = 'newline_delimited', columns = ?, ignore_errors = true)""",
                [day, f"s3://bucket/{object.key}", str(object.path), columns],
            )


def day_of(table: sources.Table, key: str) -> str | None:
    """Returns an object's partition according to the table's properties, or None if Athena would not find the object."""
    assert table.properties["projection.day.format"] == "yyyy/MM/dd"
    before, after = table.properties["storage.location.template"].split("${day}")
    prefix = before.removeprefix(f"s3://{sources.BUCKET}/")
    found = re.fullmatch(rf"{re.escape(prefix)}(\d{{4}}/\d{{2}}/\d{{2}}){re.escape(after)}[^/]+", key)
    first = table.properties["projection.day.range"].split(",")[0]
    return found[1] if found and found[1] >= first else None


def run(connection: duckdb.DuckDBPyConnection, text: str, today: datetime) -> list[dict]:
    """Returns the rows of a query, with `today` as the current date."""
    cursor = connection.execute(in_duckdb(text, today))
    names = [description[0] for description in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def in_duckdb(text: str, today: datetime | None = None) -> str:
    """Translates a statement from Athena's dialect to DuckDB's, or raises an error if there is no equivalent."""
    statement = translated(text)
    if today:
        for node in list(statement.find_all(exp.CurrentDate)):
            node.replace(exp.cast(exp.Literal.string(today.date().isoformat()), exp.DataType.Type.DATE))
    return written(statement)


def translated(text: str) -> exp.Expression:
    """Parses a statement in Athena's dialect, and replaces what means something else in DuckDB's."""
    statement = sources.parse(text)
    answer_null_for_what_is_no_json(statement)
    answer_null_for_what_is_no_scalar(statement)
    number_groups_with_backslashes(statement)
    answer_null_without_match(statement)
    answer_null_for_what_is_no_integer(statement)
    take_null_from_first_and_last_record(statement)
    count_complete_units(statement)
    round_to_milliseconds(statement)
    return statement


def written(statement: exp.Expression, pretty: bool = False) -> str:
    """Writes a statement in DuckDB's dialect, or raises an error if there is no equivalent."""
    return statement.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False, pretty=pretty)


def answer_null_for_what_is_no_json(statement: exp.Expression) -> None:
    """Makes JSON functions return NULL for text that is not JSON, as in Athena. DuckDB's functions fail."""
    for node in reversed(list(statement.find_all(exp.JSONExtract, exp.JSONExtractScalar))):  # innermost first
        node.replace(exp.Try(this=node.copy()))


def answer_null_for_what_is_no_scalar(statement: exp.Expression) -> None:
    """Makes json_extract_scalar return NULL for an object or a list, as in Athena. DuckDB's function returns the text."""
    for node in reversed(list(statement.find_all(exp.JSONExtractScalar))):
        value = exp.Try(this=exp.JSONExtract(this=node.this.copy(), expression=node.expression.copy()))
        kind = exp.Anonymous(this="json_type", expressions=[value])
        scalar = exp.Case().when(kind.isin("OBJECT", "ARRAY"), exp.null()).else_(node.copy())
        node.replace(exp.paren(scalar))


def number_groups_with_backslashes(statement: exp.Expression) -> None:
    """Replaces the group reference `$1` of Athena's regexp_replace with DuckDB's `\\1`."""
    for node in statement.find_all(exp.RegexpReplace):
        literal = node.args.get("replacement")
        if literal is not None:
            literal.replace(exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", literal.name)))


def answer_null_without_match(statement: exp.Expression) -> None:
    """Makes regexp_extract return NULL without a match, as in Athena. DuckDB's function returns an empty string."""
    for node in reversed(list(statement.find_all(exp.RegexpExtract))):
        matches = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
        node.replace(exp.Case().when(matches, node.copy()))


def answer_null_for_what_is_no_integer(statement: exp.Expression) -> None:
    """Makes try_cast to bigint accept only digits and a sign, as in Athena. DuckDB rounds `1.6` and accepts `0x10`."""
    for node in reversed(list(statement.find_all(exp.TryCast))):
        if node.to.is_type("bigint"):
            digits = exp.RegexpLike(this=node.this.copy(), expression=exp.Literal.string("^[+-]?[0-9]+$"))
            node.replace(exp.Case().when(digits, node.copy()))


def take_null_from_first_and_last_record(statement: exp.Expression) -> None:
    """Makes min_by and max_by return NULL if the first or last record has no value, as in Athena. DuckDB's skip such records."""
    for node in list(statement.find_all(exp.ArgMin, exp.ArgMax)):
        name = "arg_min_null" if isinstance(node, exp.ArgMin) else "arg_max_null"
        node.replace(exp.Anonymous(this=name, expressions=[node.this.copy(), node.expression.copy()]))


def count_complete_units(statement: exp.Expression) -> None:
    """Makes date_diff count complete units, as in Athena. DuckDB's date_diff counts their boundaries, and its date_sub is Athena's."""
    for node in list(statement.find_all(exp.DateDiff)):
        unit = exp.Literal.string(node.text("unit").lower())
        node.replace(exp.Anonymous(this="date_sub", expressions=[unit, node.expression.copy(), node.this.copy()]))


def round_to_milliseconds(statement: exp.Expression) -> None:
    """Makes from_unixtime round to milliseconds, as in Athena. DuckDB's to_timestamp keeps microseconds."""
    for node in reversed(list(statement.find_all(exp.UnixToTime))):
        milliseconds = exp.func("round", exp.Mul(this=exp.paren(node.this.copy()), expression=exp.Literal.number(1000)))
        node.replace(exp.Anonymous(this="epoch_ms", expressions=[exp.cast(milliseconds, "bigint")]))
