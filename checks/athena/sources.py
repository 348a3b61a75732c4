"""Reads the SQL of athena/, which is the only source of the tables, views and queries."""

import logging
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp

ROOT = Path(__file__).resolve().parents[2]
ATHENA = ROOT / "athena"
DIALECT = "athena"
BUCKET = "<bucket>"  # placeholder for the bucket name in the table statements

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # `parse` turns its warnings into errors


@dataclass(frozen=True)
class Column:
    """A column of a table, with its Hive type."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A table, as defined in its statement."""

    name: str
    comment: str
    columns: list[Column]
    partitions: list[Column]
    location: str
    input_format: str
    output_format: str
    serde: str
    serde_properties: dict[str, str]
    properties: dict[str, str]


@dataclass(frozen=True)
class View:
    """A view and its query."""

    name: str
    comment: str
    query: str


@dataclass(frozen=True)
class Query:
    """A saved query. `text` is the whole file."""

    name: str
    title: str
    description: str
    text: str


def tables() -> list[Table]:
    return [read_table(path.read_text()) for path in files("tables")]


def views() -> list[View]:
    return [read_view(path.read_text()) for path in files("views")]


def queries() -> list[Query]:
    return [read_query(path.stem, path.read_text()) for path in files("queries")]


def files(folder: str) -> list[Path]:
    found = sorted((ATHENA / folder).glob("*.sql"))
    if not found:
        raise FileNotFoundError(f"no SQL in {ATHENA / folder}")
    return found


def parse(text: str) -> exp.Expression:
    """Parses one statement in Athena's dialect, or raises sqlglot's error."""
    statement = sqlglot.parse_one(text, read=DIALECT)
    if isinstance(statement, exp.Command):  # sqlglot keeps an unknown statement as text
        raise sqlglot.ParseError(f"unknown statement: {text[:80]}")
    return statement


def read_table(text: str) -> Table:
    statement = parse(text)
    row_format = statement.find(exp.RowFormatSerdeProperty)
    stored_as = statement.find(exp.InputOutputFormat)
    partitioned = statement.find(exp.PartitionedByProperty)
    return Table(
        name=statement.find(exp.Table).name,
        comment=statement.find(exp.SchemaCommentProperty).this.name,
        columns=[column(definition) for definition in statement.this.expressions],
        partitions=[column(definition) for definition in partitioned.find_all(exp.ColumnDef)],
        location=statement.find(exp.LocationProperty).this.name,
        input_format=stored_as.args["input_format"].name,
        output_format=stored_as.args["output_format"].name,
        serde=row_format.this.name,
        serde_properties=pairs(statement.find(exp.SerdeProperties).expressions),
        properties=pairs(
            setting for setting in statement.args["properties"].expressions if type(setting) is exp.Property
        ),
    )


def column(definition: exp.ColumnDef) -> Column:
    comment = definition.find(exp.CommentColumnConstraint)
    return Column(definition.name, definition.kind.sql("hive").lower(), comment.this.name if comment else "")


def pairs(settings) -> dict[str, str]:
    return {setting.this.name: setting.args["value"].name for setting in settings}


def read_view(text: str) -> View:
    statement = parse(text)
    comment, sql = text.split("\n", 1)
    _, query = sql.split(" as\n", 1)
    return View(statement.find(exp.Table).name, comment.removeprefix("-- "), query.strip())


def read_query(name: str, text: str) -> Query:
    """Reads a query's header: title, description, and the values to change."""
    title, description, change, *_ = text.split("\n")
    if not change.startswith("-- Change: "):
        raise ValueError(
            f"athena/queries/{name}.sql: the third line must name the values to change, such as `-- Change: 30 (days).`"
        )
    return Query(name, title.removeprefix("-- "), description.removeprefix("-- "), text)
