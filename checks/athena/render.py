"""Copies the tables, views and queries of athena/ into template.yaml, between two markers, and into duckdb/init.sql for DuckDB.

render.py --check   fails with a diff if template.yaml or duckdb/init.sql differs from athena/
render.py --write   updates both (`make sql`)
"""

import argparse
import difflib
import json
import re
import sys
from pathlib import Path

import duck
import laptop
import sources

BEGIN = "  # Generated from athena/ by `checks/athena/render.py --write`. Edit athena/, not this part.\n"
END = "  # End of the part that is generated from athena/.\n"

# DuckDB's column types, each with Athena's type and the Glue catalog's type.
VIEW_TYPES = {
    "VARCHAR": ("varchar", "string"),
    "TIMESTAMP": ("timestamp(3)", "timestamp"),
    "BIGINT": ("bigint", "bigint"),
    "VARCHAR[]": ("array(varchar)", "array<string>"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--check", action="store_true")
    task.add_argument("--write", action="store_true")
    parser.add_argument("--template", type=Path, default=sources.ROOT / "template.yaml")
    args = parser.parse_args()

    before = args.template.read_text()
    try:
        rendered = {args.template: filled(before), laptop.FILE: laptop.text()}
    except ValueError as error:
        print(f"{args.template.name}: {error}", file=sys.stderr)
        return 1
    if args.write:
        for path, text in rendered.items():
            path.write_text(text)
        return 0
    difference = "".join(compare(path.read_text(), text, path.name) for path, text in rendered.items())
    sys.stderr.write(difference)
    return 1 if difference else 0


def compare(before: str, after: str, name: str) -> str:
    """Returns the difference as a unified diff with a hint, or an empty string if there is none."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} from athena/")
    difference = "".join(lines)
    return difference and f"{difference}hint: run `.venv/bin/python checks/athena/render.py --write` to update {name}\n"


def filled(template: str) -> str:
    """Returns the template with the part between the markers replaced."""
    if template.count(BEGIN) != 1 or template.count(END) != 1:
        raise ValueError(f"each of these two marker lines must occur once under Resources:\n{BEGIN}{END}")
    before, rest = template.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + resources() + END + after


def resources() -> str:
    made = [table(each) for each in sources.tables()]
    made += [view(each, columns) for each, columns in zip(sources.views(), view_columns(), strict=True)]
    made += [query(each) for each in sources.queries()]
    return "\n".join(made) + "\n"


def view_columns() -> list[list[tuple[str, str]]]:
    """Returns the columns of each view. Only an engine can determine the types of expressions, so DuckDB does."""
    database = duck.database()
    names = [each.name for each in sources.views()]
    return [[row[:2] for row in database.execute(f"DESCRIBE {name}").fetchall()] for name in names]


def table(each: sources.Table) -> str:
    return f"""\
  {logical_id(each.name)}Table:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: {each.name}
        Description: {scalar(each.comment)}
        TableType: EXTERNAL_TABLE
        Parameters:
          EXTERNAL: "TRUE"
{settings(each.properties, 10)}
        PartitionKeys:
{columns(each.partitions)}
        StorageDescriptor:
          Location: {in_bucket(each.location)}
          InputFormat: {each.input_format}
          OutputFormat: {each.output_format}
          SerdeInfo:
            SerializationLibrary: {each.serde}
            Parameters:
{settings(each.serde_properties, 14)}
          Columns:
{columns(each.columns, 12)}
"""


def columns(each: list[sources.Column], indent: int = 10) -> str:
    comments = (f", Comment: {scalar(column.comment)}" if column.comment else "" for column in each)
    lines = zip(each, comments, strict=True)
    return "\n".join(
        f"{' ' * indent}- {{ Name: {column.name}, Type: {column.type}{comment} }}" for column, comment in lines
    )


def settings(each: dict[str, str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}{name}: {in_bucket(value)}" for name, value in each.items())


def in_bucket(value: str) -> str:
    """Returns a YAML value with the stack's bucket in place of `<bucket>`. Escapes every other `${}`, which belongs to Athena."""
    if sources.BUCKET not in value:
        return scalar(value)
    return "!Sub " + scalar(value.replace("${", "${!").replace(sources.BUCKET, "${LogBucket}"))


def view(each: sources.View, typed: list[tuple[str, str]]) -> str:
    """Returns a view as Athena stores it: base64-encoded JSON in a comment. YAML folds the lines into one line of SQL."""
    columns_json = json.dumps(
        [{"name": name, "type": VIEW_TYPES[type][0]} for name, type in typed], separators=(",", ":")
    )
    parts = columns_json.replace("},{", "},\n{").split("\n")
    sql = [json.dumps(line.strip())[1:-1] for line in each.query.split("\n")]
    text = ['{"catalog":"awsdatacatalog","schema":"${Database}","columns":', *parts, ',"originalSql":"', *sql, '"}']
    folded = "\n".join(" " * 16 + line for line in text)
    catalogue = [sources.Column(name, VIEW_TYPES[type][1], "") for name, type in typed]
    return f"""\
  {logical_id(each.name)}View:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: {each.name}
        Description: {scalar(each.comment)}
        TableType: VIRTUAL_VIEW
        Parameters: {{ presto_view: "true", comment: Presto View }}
        StorageDescriptor:
          SerdeInfo: {{}}
          Columns:
{columns(catalogue, 12)}
        ViewExpandedText: "/* Presto View */"
        ViewOriginalText: !Sub
          - "/* Presto View: ${{View}} */"
          - View:
              Fn::Base64: !Sub >-
{folded}
"""


def query(each: sources.Query) -> str:
    text = "".join(" " * 8 + line for line in each.text.splitlines(True))
    return f"""\
  {logical_id(each.name)}Query:
    Type: AWS::Athena::NamedQuery
    Properties:
      Name: {scalar(each.title)}
      Description: {scalar(each.description)}
      Database: !Ref Database
      WorkGroup: !Ref WorkGroup
      QueryString: |
{text}"""


def logical_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def scalar(text: str) -> str:
    """Returns a YAML scalar on one line, quoted if YAML would interpret it differently."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ;./()'-]*", text) and text.lower() not in (
        "true",
        "false",
        "null",
        "yes",
        "no",
    )
    return text if plain and not re.fullmatch(r"[0-9./-]+", text) else json.dumps(text)


if __name__ == "__main__":
    sys.exit(main())
