"""Translates athena/ into duckdb/init.sql: the same views and saved queries for DuckDB, over a directory of `slacktrail pull`.

Each saved query becomes a table macro whose parameters replace the values that the query's third line names, and a view with the defaults.
"""

import re

import duck
import sources
from sqlglot import exp

FILE = sources.ROOT / "duckdb" / "init.sql"

# The parameters of each query and their values in its SQL, where a tuple means an interval in days. `who` has no default.
DAYS = {"days": (30,)}
NEW = {"days": (7,), "access_history": (180,), "audit_history": (30,)}
PARAMETERS = {
    "actor_timeline": {"who": "ann@example.com", "days": (7,)},
    "exports_and_mass_downloads": {"days": (30,), "downloads": 100},
    "lateness": {"days": (7,)},
    "logins_from_new_places": NEW,
    "new_devices_per_user": NEW,
    "who_did_what_today": {},
}
REQUIRED = {"who"}

HEAD = """\
-- The views and saved queries of athena/ for DuckDB, over a directory that `slacktrail pull` writes. Run in that directory:
--
--     duckdb -init init.sql -c 'from logins_from_new_places'
--
-- `from queries` lists the saved queries. Each one is a view, and a macro whose parameters can be changed:
--
--     from logins_from_new_places(days := 0)
--     from who_did_what_today(today := '2026-11-22')
--     from actor_timeline('ann@example.com', days := 30)
--
-- `today` sets the day that a query takes for today. It reads no later day.
-- If a log has no file yet, its tables are empty. After the first file arrives, run this file again: `.read init.sql`.
-- Needs DuckDB 1.3 or newer. Times are UTC.
-- Generated from athena/ by `make sql`. Edit athena/, not this file.

SET TimeZone = 'UTC';
"""


def text() -> str:
    """Returns the content of duckdb/init.sql."""
    parts = [HEAD]
    parts += [table(each) for each in sources.tables()]
    parts += [view(each) for each in sources.views()]
    parts += [query(each) for each in sources.queries()]
    parts.append(listing(sources.queries()))
    return "\n".join(parts)


def table(each: sources.Table) -> str:
    """Returns a view over the objects of a log, or an empty one without objects, because DuckDB cannot read a pattern that matches no file."""
    names = [(column.name, duck.TYPES[column.type]) for column in each.columns]
    none = ", ".join(f"NULL::{type} AS {name}" for name, type in names)
    columns = ",\n    ".join(f"{name}: ''{type}''" for name, type in names)
    pattern = f"{each.name}/*/*/*/*.json.gz"
    return f"""\
-- {each.comment}.
SET VARIABLE {each.name}_rows = (SELECT CASE WHEN count(*) > 0 THEN 'FROM read_json(
  ''{pattern}'',
  format = ''newline_delimited'',
  filename = true,
  ignore_errors = true,
  columns = {{
    {columns}
  }}
)' ELSE 'SELECT {none}, NULL::VARCHAR AS filename WHERE false' END FROM glob('{pattern}'));
CREATE OR REPLACE VIEW {each.name} AS
SELECT
  * EXCLUDE (filename),
  regexp_extract(filename, '([0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}})/[^/]+$', 1) AS day,
  filename AS "$path"
FROM query(getvariable('{each.name}_rows'));
"""


def view(each: sources.View) -> str:
    statement = duck.translated(f"create or replace view {each.name} as\n{each.query}")
    return f"-- {each.comment}\n{pretty(statement)};\n"


def query(each: sources.Query) -> str:
    statement = duck.translated(each.text)
    parameters = PARAMETERS.get(each.name, DAYS)
    for name, value in parameters.items():
        replace(each.name, statement, name, value)
    end_with_today(statement)
    for node in list(statement.find_all(exp.CurrentDate)):
        today = exp.cast(exp.column("today"), exp.DataType.Type.DATE)
        node.replace(exp.func("coalesce", today, exp.CurrentDate()))
    signature = [name if name in REQUIRED else f"{name} := {plain(value)}" for name, value in parameters.items()]
    macro = f"CREATE OR REPLACE MACRO {each.name}({', '.join([*signature, 'today := NULL'])}) AS TABLE"
    made = f"-- {each.title}. {each.description}\n{macro}\n{pretty(statement)};\n"
    return made if REQUIRED & parameters.keys() else made + f"CREATE OR REPLACE VIEW {each.name} AS FROM {each.name}();\n"


def end_with_today(statement: exp.Expression) -> None:
    """Adds the end `day <= today` to each condition `day >= ...`. If `today` is not given, the condition has no end."""
    format = exp.Literal.string("%Y/%m/%d")
    today = exp.TimeToStr(this=exp.cast(exp.column("today"), exp.DataType.Type.DATE), format=format)
    end = exp.LTE(this=exp.column("day"), expression=exp.func("coalesce", today, exp.column("day")))
    for node in [node for node in statement.find_all(exp.GTE) if node.this.name == "day"]:
        node.replace(exp.and_(node.copy(), end.copy()))


def replace(query: str, statement: exp.Expression, name: str, value: object) -> None:
    """Replaces each occurrence of a value by a parameter. Raises an error if the query has no such value."""
    if isinstance(value, tuple):
        found = [node for node in statement.find_all(exp.Interval) if node.this.name == str(value[0])]
        made = exp.Anonymous(this="to_days", expressions=[exp.column(name)])
    else:
        found = [node for node in statement.find_all(exp.Literal) if node.name == str(value)]
        made = exp.column(name)
    if not found:
        raise ValueError(f"athena/queries/{query}.sql has no value {plain(value)} for `{name}`: update checks/athena/laptop.py")
    for node in found:
        node.replace(made.copy())


def listing(queries: list[sources.Query]) -> str:
    """Returns a view that lists the queries."""
    rows = [f"  ({literal(each.name)}, {literal(parameters(each))}, {literal(each.description)})" for each in queries]
    values = ",\n".join(rows)
    return f"-- The saved queries.\nCREATE OR REPLACE VIEW queries AS\nFROM (VALUES\n{values}\n) AS listed (query, parameters, description);\n"


def parameters(each: sources.Query) -> str:
    values = PARAMETERS.get(each.name, DAYS)
    return ", ".join([name if name in REQUIRED else f"{name} := {plain(value)}" for name, value in values.items()] + ["today"])


def plain(value: object) -> object:
    return value[0] if isinstance(value, tuple) else value


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def pretty(statement: exp.Expression) -> str:
    return re.sub(r"[ \t]+$", "", duck.written(statement, pretty=True), flags=re.MULTILINE)
