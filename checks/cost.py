"""Computes the monthly cost as counted calls times unit prices, for the tables of docs/cost.md.

cost.py                          prints the tables
cost.py --check                  fails and prints the difference if docs/cost.md contains other tables
cost.py --write                  writes the tables into docs/cost.md
cost.py --sources N --records M  prints the bill of N sources with M records per day each (`make cost`)

Amounts are in US dollars, for a month of 30.4 days in us-east-1.
"""

import argparse
import difflib
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "cost.md"

DAYS = 365 / 12
TICKS_A_DAY = 1440


@dataclass(frozen=True)
class Price:
    """The price of a unit, and the number of units per month in the always-free tier."""

    what: str
    usd: float
    shown: str
    free: float = 0
    shown_free: str = "-"
    found: str = "third-party page"


PRICES_AS_OF = "2026-11-22"
FREE_BY_AWS = "third-party page; AWS's page for the free tier"
PRICES = {
    "lambda_gb_seconds": Price(
        "Lambda, arm64, GB-second", 0.0000133334, "0.0000133334", 400_000, "400,000", "third-party page, also for the free tier"
    ),
    "lambda_requests": Price(
        "Lambda request", 0.20e-6, "0.20 per million", 1e6, "1,000,000", "third-party page, also for the free tier"
    ),
    "table_writes": Price("DynamoDB write request unit, on demand", 0.625e-6, "0.625 per million"),
    "table_reads": Price("DynamoDB read request unit, on demand", 0.125e-6, "0.125 per million"),
    "puts": Price("S3 PUT or LIST request", 0.005e-3, "0.005 per 1,000"),
    "gets": Price("S3 GET request", 0.0004e-3, "0.0004 per 1,000"),
    "stored_gb": Price("S3 Standard, GB-month", 0.023, "0.023"),
    "secrets": Price("Secrets Manager, secret-month", 0.40, "0.40"),
    "secret_calls": Price("Secrets Manager call", 0.05e-4, "0.05 per 10,000"),
    "log_gb": Price("CloudWatch Logs, GB ingested", 0.50, "0.50", 5, "5", FREE_BY_AWS),
    "metrics": Price("CloudWatch custom metric", 0.30, "0.30", 10, "10", FREE_BY_AWS),
    "alarms": Price("CloudWatch alarm", 0.10, "0.10", 10, "10", FREE_BY_AWS),
}
# The services of a bill, and their prices.
SERVICES = {
    "Secrets Manager": ["secrets", "secret_calls"],
    "S3": ["puts", "gets", "stored_gb"],
    "DynamoDB": ["table_writes", "table_reads"],
    "Lambda": ["lambda_requests", "lambda_gb_seconds"],
    "CloudWatch": ["log_gb", "metrics", "alarms"],
}
API_REQUEST_USD = 1e-6
# Not part of the default deployment, or too small to count; listed for reference.
OTHER_PRICES = [
    ("CloudWatch dashboard (`Dashboard`)", "3.00", "3", FREE_BY_AWS),
    ("KMS key-month (`KmsKeyArn`, for a new key)", "1.00", "-", "AWS's page"),
    ("KMS request", "0.03 per 10,000", "20,000", "AWS's page, for the free tier only"),
    ("S3 Glacier Instant Retrieval, GB-month (`ArchiveAfterDays`)", "0.004", "-", "not found"),
    ("S3 Glacier Instant Retrieval, object moved there", "0.02 per 1,000", "-", "third-party page"),
    ("S3 Glacier Instant Retrieval, GB read", "0.03", "-", "third-party page"),
    ("HTTP API request (three to connect a source)", "1.00 per million", "-", "not found"),
    ("SQS request (dead-letter queue)", "0.40 per million", "1,000,000", "third-party page"),
    ("SNS email (alarms)", "2.00 per 100,000", "1,000", "third-party page; free tier not found"),
    ("EventBridge scheduled rule", "0", "-", "AWS's page: rules are free"),
    ("Athena, TB scanned", "5.00", "-", "not found"),
]

# ---- Counted: test_cost.py compares these numbers with the code and the template -----------------------------------

POLLER_MEMORY_MB = 128
TIMEOUT_SECONDS = 55
API_REQUESTS_A_SECOND = 5
QUERY_SCAN_BYTES_MAX = 100 << 30
METRICS = 4
ALARMS = 6
STREAMS_AT_ONCE = 8
SOURCES_MAX = 100
CALLS_PER_TICK_MAX = {"audit": 25, "access": 10, "integration": 10}
ROWS_PER_PAGE = 1000
HEARTBEATS_AN_HOUR = 4
REREAD_HOURS = {"hourly": 2, "daily": 50}
READS_AT_ONCE = 8
PARTITION_READS_A_SECOND = 3000  # documented by AWS: a unit is one strongly consistent or two eventually consistent reads
LIFECYCLE_BYTES_MIN = 128 << 10  # documented by AWS: by default, S3 does not move smaller objects
TABLE_PAGE_BYTES = 1 << 20  # documented by AWS: the maximum result of a query
CLOCK_SKEW_HOURS = 1 / 6
OVERLAP_MINUTES = 5
STORED_IDS_OF_THREE_STREAMS = 200_000
STORED_BYTES_A_RECORD = 137  # docs/design.md, level 5: 13.7 MB for 100,000 records

# ---- Measured here: by `make bench`, and the log bytes by tests/tests/poller/costs.rs ------------------------------

# `make bench`: 1.71 CPU seconds to read, compare, compress and store 200,000 records.
CPU_SECONDS_A_RECORD_STORED = 1.71 / 200_000
# gzip starts without context in each object. This costs as many bytes as this many records (docs/design.md).
RECORDS_MORE_AN_OBJECT = 9
# The lines that the compiled poller writes per tick, with 26 bytes of CloudWatch overhead per line.
LOG_BYTES_A_STREAM = 700
LOG_BYTES_A_TICK = 430

# ---- Assumed: not measured on AWS ----------------------------------------------------------------------------------

SLACK_SECONDS_A_CALL = 0.3
AWS_SECONDS_A_CALL = 0.05  # for sequential calls: a page of the table, an invocation
CPU_SECONDS_A_CALL = 0.001
CPU_SECONDS_A_RECORD_READ_AGAIN = CPU_SECONDS_A_RECORD_STORED / 2  # on a Slack page or in an object
MEMORY_MB_A_CPU = 1769  # documented by AWS: this much memory gives one full CPU
LOG_BYTES_A_TICK_BY_LAMBDA = 700
LOG_BYTES_A_REJECTION = 1000  # the lines of the API, the function and Lambda
SOURCE_BYTES = 512  # one source in the table
CURSOR_BYTES = 1536  # its three cursors
RESTARTS_A_DAY = 12  # AWS says that Lambda ends a process "every few hours"; a third party measured two hours
MIX = {"audit": 0.9065, "access": 0.0911, "integration": 0.0024}  # from the simulated organization
WORK_SHARE_OF_RECORDS = 0.9
WORK_SHARE_OF_TIME = 50 / 168


@dataclass(frozen=True)
class Scenario:
    """A deployment: the number of sources with all three log types, and the records per source and day."""

    name: str
    sources: int
    records_a_day: int
    round_the_clock: bool = False
    memory_mb: int = POLLER_MEMORY_MB

    @property
    def shards(self) -> int:
        """Invocations that poll shards, or 0 if the scheduled invocation polls all sources itself."""
        return math.ceil(self.sources / SOURCES_MAX) if self.sources > SOURCES_MAX else 0

    @property
    def polled_at_once(self) -> int:
        """Sources that one invocation polls."""
        return min(self.sources, SOURCES_MAX)

    def records(self, log: str) -> float:
        """Returns the records per day in one stream."""
        return self.records_a_day * MIX[log]

    def busy_minutes(self, log: str) -> float:
        """Returns the minutes of a day in which a stream has a record, if records are independent of each other."""
        hours = [(1.0, 1.0)] if self.round_the_clock else WEEK
        minutes = ((share_of_time * TICKS_A_DAY, share_of_records) for share_of_time, share_of_records in hours)
        return sum(each * (1 - math.exp(-self.records(log) * share / each)) for each, share in minutes)


WEEK = [(WORK_SHARE_OF_TIME, WORK_SHARE_OF_RECORDS), (1 - WORK_SHARE_OF_TIME, 1 - WORK_SHARE_OF_RECORDS)]

IDLE = Scenario("one idle source, no records", 1, 0)
BUSY = Scenario("one source, 100,000 records per day", 1, 100_000)
HUGE = Scenario("one source, 10,000,000 records per day", 1, 10_000_000, round_the_clock=True, memory_mb=1024)
MANY = Scenario("100 sources, 10,000 records per day each", 100, 10_000, memory_mb=512)
MOST = Scenario("10,000 sources, 10,000 records per day each", 10_000, 10_000, memory_mb=512)
SCENARIOS = [IDLE, BUSY, HUGE, MANY, MOST]

# ---- The arithmetic ------------------------------------------------------------------------------------------------


def usage(scenario: Scenario) -> dict[str, float]:
    """Returns the usage of a month by the keys of the prices. Storage covers only the first month."""
    days = scenario.sources * DAYS
    ticks = TICKS_A_DAY * DAYS
    streams = scenario.sources * len(MIX)
    polling = max(1, scenario.shards)
    root = 1 if scenario.shards else 0
    log_bytes = streams * LOG_BYTES_A_STREAM + (polling + root) * (LOG_BYTES_A_TICK + LOG_BYTES_A_TICK_BY_LAMBDA)
    seconds = polling * tick_seconds(scenario) + root * root_seconds(scenario)
    return {
        "secrets": scenario.sources,
        "puts": sum(scenario.busy_minutes(log) for log in MIX) * days,
        "gets": sum(reads_back(scenario, log) for log in MIX) * days,
        "table_writes": sum(table_writes(scenario, log) for log in MIX) * days,
        "table_reads": table_reads(scenario) * ticks,
        "stored_gb": stored_bytes(scenario) * days / 1e9,
        "secret_calls": RESTARTS_A_DAY * days,
        "lambda_requests": (polling + root) * ticks,
        "lambda_gb_seconds": seconds * scenario.memory_mb / 1024 * ticks,
        "log_gb": log_bytes * ticks / 1e9,
        "metrics": METRICS,
        "alarms": ALARMS,
    }


def stored_bytes(scenario: Scenario) -> float:
    """Returns the bytes that a source stores per day."""
    objects = sum(scenario.busy_minutes(log) for log in MIX)
    return (scenario.records_a_day + RECORDS_MORE_AN_OBJECT * objects) * STORED_BYTES_A_RECORD


def table_reads(scenario: Scenario) -> float:
    """Returns the read units of a tick.

    A tick reads sources and cursors once, strongly consistent. Dispatching also reads one page of sources, and all names at half the price.
    """
    shards = max(1, scenario.shards)
    sources, cursors = (math.ceil(scenario.polled_at_once * each / 4096) * shards for each in (SOURCE_BYTES, CURSOR_BYTES))
    return sources + cursors + (TABLE_PAGE_BYTES / 4096 + sources / 2 if scenario.shards else 0)


def table_writes(scenario: Scenario, log: str) -> float:
    """Returns the cursor writes of a stream per day: one per busy minute, plus heartbeats and re-read every hour."""
    heartbeats = HEARTBEATS_AN_HOUR - 1  # the re-read replaces the fourth
    reread = 2  # one when the re-read opens, one when it closes
    return scenario.busy_minutes(log) + 24 * (heartbeats + reread)


def reads_back(scenario: Scenario, log: str) -> float:
    """Returns the objects of a stream that are read back per day: by new processes, by the daily re-read, and due to memory limits."""
    objects_an_hour = scenario.busy_minutes(log) / 24
    live = READS_AT_ONCE if scenario.records_a_day else 0
    by_new_processes = RESTARTS_A_DAY * (live + objects_an_hour * (REREAD_HOURS["hourly"] + CLOCK_SKEW_HOURS))
    # Few processes are old enough to have these objects in memory.
    by_the_daily_reread = objects_an_hour * (REREAD_HOURS["daily"] + CLOCK_SKEW_HOURS)
    return by_new_processes + by_the_daily_reread + TICKS_A_DAY * rereads_beyond_memory(scenario, log)


def rereads_beyond_memory(scenario: Scenario, log: str) -> float:
    """Returns the objects that each tick of an hourly re-read reads back because its two hours exceed the memory."""
    hours = REREAD_HOURS["hourly"]
    if scenario.records(log) / 24 * hours <= STORED_IDS_OF_THREE_STREAMS:
        return 0
    return scenario.busy_minutes(log) / 24 * hours / 2  # on average, half of the range


def pages(scenario: Scenario, log: str) -> float:
    """Returns the average pages of a log type that a tick requests for live collection and re-reads, within the call budget."""
    records_a_minute = scenario.records(log) / TICKS_A_DAY
    in_one_page = records_a_minute * (1 + OVERLAP_MINUTES) <= ROWS_PER_PAGE
    overlap = OVERLAP_MINUTES if in_one_page else 1 / 6
    live = max(1, math.ceil(records_a_minute * (1 + overlap) / ROWS_PER_PAGE))
    first_page_again = 1 if log == "access" and not in_one_page else 0
    rereads = records_a_minute / ROWS_PER_PAGE * (REREAD_HOURS["hourly"] + REREAD_HOURS["daily"] / 24)
    return min(CALLS_PER_TICK_MAX[log], live + first_page_again + rereads)


def tick_seconds(scenario: Scenario) -> float:
    """Returns the average duration of a polling invocation: waiting for Slack, plus computing with the CPU of its memory size."""
    of_each = [pages(scenario, log) for log in MIX]
    waited = max(*of_each, scenario.polled_at_once * sum(of_each) / STREAMS_AT_ONCE) * SLACK_SECONDS_A_CALL
    cpu = (CPU_SECONDS_A_CALL + scenario.polled_at_once * source_cpu_seconds(scenario, sum(of_each))) * MEMORY_MB_A_CPU
    return waited + cpu / scenario.memory_mb


def root_seconds(scenario: Scenario) -> float:
    """Returns the duration of dispatching shards: sequential reads of table pages, then sequential invocations."""
    table_pages = 1 + math.ceil(scenario.sources * SOURCE_BYTES / TABLE_PAGE_BYTES)
    cpu = CPU_SECONDS_A_CALL * (table_pages + scenario.shards) * MEMORY_MB_A_CPU / scenario.memory_mb
    return (table_pages + scenario.shards) * AWS_SECONDS_A_CALL + cpu


def seconds_until_polled(scenario: Scenario) -> float:
    """Returns the delay until the last source is polled, if every shard takes the average time."""
    return tick_seconds(scenario) + (root_seconds(scenario) if scenario.shards else 0)


def source_cpu_seconds(scenario: Scenario, page_count: float) -> float:
    """Returns the CPU seconds of a tick for one source. Assumes full pages if the source has any records."""
    objects = sum(scenario.busy_minutes(log) for log in MIX) / TICKS_A_DAY
    objects_back = sum(reads_back(scenario, log) for log in MIX) / TICKS_A_DAY
    records = scenario.records_a_day / TICKS_A_DAY
    records_back = objects_back * records / objects if objects else 0
    rows = page_count * ROWS_PER_PAGE if scenario.records_a_day else 0
    calls = CPU_SECONDS_A_CALL * (page_count + objects_back + 2 * objects)
    return calls + CPU_SECONDS_A_RECORD_STORED * records + CPU_SECONDS_A_RECORD_READ_AGAIN * (rows + records_back)


def bill(used: dict[str, float], free: bool = True) -> dict[str, float]:
    """Returns the cost of the usage by the same keys, after the free tiers unless `free` is false."""
    return {
        key: max(0, amount - (PRICES[key].free if free else 0)) * PRICES[key].usd for key, amount in used.items()
    }


def timeout_gb_seconds() -> float:
    """Returns Lambda's GB-seconds for one source if every tick times out."""
    return TIMEOUT_SECONDS * TICKS_A_DAY * DAYS * POLLER_MEMORY_MB / 1024


def records_of_a_small_object() -> float:
    """Returns the records of the largest object that S3's lifecycle rules do not move."""
    return LIFECYCLE_BYTES_MIN / STORED_BYTES_A_RECORD - RECORDS_MORE_AN_OBJECT


def rejections_usd() -> float:
    """Returns the cost of a month of API requests without a valid link, at the throttling limit."""
    requests = API_REQUESTS_A_SECOND * 86_400 * DAYS
    used = {"lambda_requests": requests, "table_reads": requests, "log_gb": requests * LOG_BYTES_A_REJECTION / 1e9}
    return requests * API_REQUEST_USD + sum(bill(used, free=False).values())


# ---- The tables ----------------------------------------------------------------------------------------------------


def table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:,.2f}"


def usd(number: float) -> str:
    return "0" if number == 0 else "< 0.01" if number < 0.005 else f"{number:,.2f}"


def prices() -> str:
    rows = [[price.what, price.shown, price.shown_free, price.found] for price in PRICES.values()]
    rows += [list(row) for row in OTHER_PRICES]
    lines = [["item", "USD", "always free per month", "found in"], ["---", "---:", "---:", "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def amounts() -> str:
    used = [usage(each) for each in SCENARIOS]
    rows = [[PRICES[key].what, *(amount(each[key]) for each in used)] for key in used[0]]
    rows.append(["poller memory, MB", *(amount(each.memory_mb) for each in SCENARIOS)])
    rows.append(["seconds until all sources are polled", *(f"{seconds_until_polled(each):.1f}" for each in SCENARIOS)])
    return table(["usage per month", *(each.name for each in SCENARIOS)], rows)


def bills() -> str:
    billed = [bill(usage(each)) for each in SCENARIOS]
    rows = [[PRICES[key].what, *(usd(each[key]) for each in billed)] for key in billed[0]]
    rows.append(["**first month**", *(f"**{usd(sum(each.values()))}**" for each in billed)])
    rows.append(["added by each further month of stored records", *(usd(each["stored_gb"]) for each in billed)])
    unfree = [sum(bill(usage(each), free=False).values()) for each in SCENARIOS]
    rows.append(["first month without free tiers", *(usd(total) for total in unfree)])
    return table(["USD per month", *(each.name for each in SCENARIOS)], rows)


def other_costs() -> str:
    free = PRICES["lambda_gb_seconds"].shown_free
    day = stored_bytes(BUSY) / 1e6
    rows = [
        [f"GB-seconds of one source at 128 MB if every tick times out ({free} are free)", f"{timeout_gb_seconds():,.0f}"],
        ["MB that an Athena query scans for a day of 100,000 records (at least 10 are billed)", f"{day:.0f}"],
        ["USD for an Athena query that reaches `QueryScanBytesMax`", f"{QUERY_SCAN_BYTES_MAX / 1e12 * 5:.2f}"],
        ["records in the largest object below 128 KB, which S3 lifecycle rules do not move", f"{records_of_a_small_object():.0f}"],
        ["USD for a month of API requests without a link, at the API's rate limit", f"{rejections_usd():.0f}"],
    ]
    return table(["other costs", "amount"], rows)


TABLES = {"prices": prices, "amounts": amounts, "bills": bills, "other costs": other_costs}


def filled(document: str) -> str:
    """Returns the document with the tables between its markers replaced."""
    for name, render in TABLES.items():
        begin, end = f"<!-- {name}: made by checks/cost.py -->\n", "<!-- end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if len(pattern.findall(document)) != 1:
            raise ValueError(f"each of these two markers must occur once in docs/cost.md:\n{begin}{end}")
        document = pattern.sub(lambda _, text=begin + render() + "\n" + end: text, document)
    return document


# ---- The bill of one deployment ------------------------------------------------------------------------------------

# The memory sizes that a bill chooses from, up to a full CPU. More has no effect, because the poller uses one CPU.
MEMORY_SIZES_MB = [128, 256, 512, 1024, 1769]
# With the chosen size, an average tick takes at most half of its 50 seconds.
TICK_SECONDS_MAX = 25
# The first size for streams whose two hours exceed the memory, as in docs/operations.md.
MEMORY_MB_BEYOND_CACHE = 1024
# Ten times the sources that a test polls within a minute.
SOURCES_OF_A_BILL_MAX = 100_000
# As many records as the poller's calls for audit logs can read in a day.
RECORDS_A_DAY_MAX = CALLS_PER_TICK_MAX["audit"] * ROWS_PER_PAGE * TICKS_A_DAY


def scenario_of(sources: int, records_a_day: int) -> Scenario:
    """Returns a deployment of this size. Its poller has the first memory size that suffices, or the largest one."""
    for size in MEMORY_SIZES_MB:
        scenario = Scenario("", sources, records_a_day, memory_mb=size)
        exceeds_cache = any(rereads_beyond_memory(scenario, log) for log in MIX)
        if tick_seconds(scenario) <= TICK_SECONDS_MAX and (size >= MEMORY_MB_BEYOND_CACHE or not exceeds_cache):
            break
    return scenario


def statement(scenario: Scenario) -> str:
    """Returns the bill of a deployment as text: a table by service, and what it depends on."""
    used = usage(scenario)
    after, before = bill(used), bill(used, free=False)
    rows = [(name, sum(after[key] for key in keys), sum(before[key] for key in keys)) for name, keys in SERVICES.items()]
    rows.append(("total", sum(after.values()), sum(before.values())))
    sources, each = ("1 source", "") if scenario.sources == 1 else (f"{scenario.sources:,} sources", " each")
    lines = [
        f"{sources} with {scenario.records_a_day:,} records per day{each}, first month in us-east-1",
        "",
        f"{'US dollars':<16}{'after free tiers':>18}{'before free tiers':>20}",
        *(f"{name:<16}{usd(less):>18}{usd(more):>20}" for name, less, more in rows),
        "",
        f"Each further month adds {usd(after['stored_gb'])} for the stored records.",
        f"PollerMemory is {scenario.memory_mb}. All sources are polled after {seconds_until_polled(scenario):.1f} seconds of the minute.",
    ]
    if seconds_until_polled(scenario) > 60:
        lines.append("This is more than a minute, so new records arrive later.")
    lines.append(f"Computed with prices of {PRICES_AS_OF}, not measured on AWS. docs/cost.md lists the assumptions.")
    return "\n".join(lines)


def whole_number(variable: str, text: str, least: int, most: int) -> int:
    """Returns the value of a variable of `make cost`. Exits if it is not a whole number in this range."""
    if re.fullmatch("[0-9]{1,12}", text) and least <= int(text) <= most:
        return int(text)
    sys.exit(
        f"error: `{variable}` is `{text}`, not a whole number from {least} to {most}\n"
        "hint: run, for example, `make cost SOURCES=20 RECORDS=10000`"
    )


def difference(before: str, after: str) -> Iterator[str]:
    return difflib.unified_diff(before.splitlines(True), after.splitlines(True), "docs/cost.md", "checks/cost.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--check", action="store_true")
    task.add_argument("--write", action="store_true")
    task.add_argument("--sources", metavar="N")
    parser.add_argument("--records", metavar="M")
    args = parser.parse_args()
    if (args.sources is None) != (args.records is None):
        parser.error("--sources and --records require each other")
    if args.sources is not None:
        sources = whole_number("SOURCES", args.sources, 1, SOURCES_OF_A_BILL_MAX)
        records = whole_number("RECORDS", args.records, 0, RECORDS_A_DAY_MAX)
        print(statement(scenario_of(sources, records)))
        return 0
    if not args.check and not args.write:
        print("\n\n".join(render() for render in TABLES.values()))
        return 0
    before = DOCUMENT.read_text()
    after = filled(before)
    if args.write:
        DOCUMENT.write_text(after)
        return 0
    lines = "".join(difference(before, after))
    sys.stderr.write(lines and f"{lines}hint: run `.venv/bin/python checks/cost.py --write` to update docs/cost.md\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
