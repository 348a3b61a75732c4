"""Compares the numbers of checks/cost.py with the code, the template and the documents, and tests its arithmetic."""

import math
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import cost

ROOT = Path(__file__).parent.parent


def found(path: str, pattern: str) -> list[str]:
    return re.findall(pattern, (ROOT / path).read_text())


def number(path: str, pattern: str) -> float:
    """Returns the only number that a pattern matches in a file. `a * b` is a product."""
    (text,) = found(path, pattern)
    return math.prod(float(factor.replace("_", "")) for factor in text.split("*"))


class Counts(unittest.TestCase):
    def test_template_has_assumed_memory_alarms_and_metrics(self):
        (poller,) = found("template.yaml", r"(?s)\n  Poller:\n(.*?)\n  \w")
        self.assertIn("MemorySize: !Ref PollerMemory", poller)
        (memory,) = found("template.yaml", r"(?s)\n  PollerMemory:\n.*?Default: (\d+)")
        self.assertEqual(memory, str(cost.POLLER_MEMORY_MB))
        self.assertEqual(len(found("template.yaml", r"Type: AWS::CloudWatch::Alarm\n")), cost.ALARMS)
        metrics = (ROOT / "functions/poller/src/metrics.rs").read_text()
        self.assertEqual(len(re.findall(r'"Unit":', metrics)), cost.METRICS)
        self.assertEqual(len(re.findall(r'"Dimensions": \[\["\w+"\]\]', metrics)), 1)

        self.assertEqual(found("template.yaml", r"Timeout: (55)"), [str(cost.TIMEOUT_SECONDS)])
        self.assertEqual(found("template.yaml", r"ThrottlingRateLimit: (\d+)"), [str(cost.API_REQUESTS_A_SECOND)])
        (scanned,) = found("template.yaml", r'(?s)\n  QueryScanBytesMax:\n.*?Default: "(\d+)"')
        self.assertEqual(scanned, str(cost.QUERY_SCAN_BYTES_MAX))

    def test_ticks_follow_schedule(self):
        self.assertEqual(found("template.yaml", r"Schedule: (rate.*)"), ["rate(1 minute)"])

    def test_intervals_and_limits_match_code(self):
        for path, pattern, counted in [
            ("shared/core/src/cursor.rs", r"HEARTBEAT_SECONDS: i64 = (\d+);", 3600 / cost.HEARTBEATS_AN_HOUR),
            ("shared/collector/src/day_log.rs", r"READS_AT_ONCE: u32 = (\d+);", cost.READS_AT_ONCE),
            ("shared/core/src/time.rs", r"CLOCK_SKEW_SECONDS: i64 = (\d+);", cost.CLOCK_SKEW_HOURS * 3600),
            ("shared/core/src/stream/overlap.rs", r"OVERLAP_MAX_SECONDS: i64 = (\d+);", cost.OVERLAP_MINUTES * 60),
            ("shared/core/src/slack/rate_limit.rs", r"LogType::Audit => (\d+),", cost.CALLS_PER_TICK_MAX["audit"]),
            ("shared/core/src/slack/rate_limit.rs", r"LogType::Access \| LogType::Integration => (\d+),", cost.CALLS_PER_TICK_MAX["access"]),
            ("shared/core/src/slack/request.rs", r"LogType::Audit \| LogType::Integration => (\d+),", cost.ROWS_PER_PAGE),
            ("shared/collector/src/tick/resources.rs", r"streams_at_once: (\d+),", cost.STREAMS_AT_ONCE),
            ("tests/tests/poller/costs.rs", r"LOG_BYTES_A_STREAM: usize = (\d+);", cost.LOG_BYTES_A_STREAM),
            ("tests/tests/poller/costs.rs", r"LOG_BYTES_A_TICK: usize = (\d+);", cost.LOG_BYTES_A_TICK),
            ("shared/ports/src/shard.rs", r"SOURCES_MAX: usize = (\d+);", cost.SOURCES_MAX),
            ("shared/collector/src/tick/resources.rs", r"cached_ids: Quota \{ per_stream: \S+, total: (\S+) \}", 3 * cost.STORED_IDS_OF_THREE_STREAMS),
        ]:
            with self.subTest(pattern):
                self.assertEqual(number(path, pattern), counted)
        rereads = r"REREADS: .* = \[\(3600, (\d+) \* 3600\), \(24 \* 3600, (\d+) \* 3600\)\];"
        ((hourly, daily),) = found("shared/core/src/cursor.rs", rereads)
        self.assertEqual({"hourly": int(hourly), "daily": int(daily)}, cost.REREAD_HOURS)

    def test_bytes_and_seconds_per_record_match_design(self):
        (level,) = found("shared/core/src/object.rs", r"Compression::new\((\d+)\)") or found(
            "shared/core/src/object.rs", r"GZIP_LEVEL\w*: \w+ = (?:Compression::new\()?(\d+)"
        )
        megabytes = number("docs/design.md", rf"\| {level} \| [\d.]+ \| ([\d.]+) \|")
        self.assertAlmostEqual(megabytes * 1e6 / 100_000, cost.STORED_BYTES_A_RECORD)
        seconds = number("docs/design.md", r"\| slacktrail \| ([\d.]+) \|")
        self.assertAlmostEqual(seconds / 200_000, cost.CPU_SECONDS_A_RECORD_STORED)

    def test_small_object_sizes_match_measurements(self):
        sizes = found("docs/design.md", r"(?m)^\| (\d+) \| (\d+) \|$")
        self.assertEqual(len(sizes), 4)
        for records, measured in ((int(records), int(measured)) for records, measured in sizes if int(records) >= 10):
            counted = cost.STORED_BYTES_A_RECORD * (1 + cost.RECORDS_MORE_AN_OBJECT / records)
            self.assertLess(abs(counted / measured - 1), 0.05, records)

    def test_cited_call_count_tests_exist(self):
        tests = (ROOT / "tests/tests/poller/costs.rs").read_text()
        tests += (ROOT / "tests/simulation/tests/world/costs.rs").read_text()
        for name in [
            "idle_tick_reads_table_twice_and_calls_slack_once_per_stream",
            "busy_minute_makes_one_object_and_one_write_per_stream",
            "new_process_reads_last_minutes_and_two_hours_for_hourly_re_read",
        ]:
            self.assertIn(f"fn {name}()", tests)
            self.assertIn(f"`{name}`", cost.DOCUMENT.read_text())


class Arithmetic(unittest.TestCase):
    def test_idle_source_reads_twice_per_tick_and_creates_no_object(self):
        used = cost.usage(cost.IDLE)
        self.assertEqual((used["puts"], used["gets"], used["stored_gb"]), (0, 0, 0))
        self.assertAlmostEqual(used["table_reads"], 2 * 1440 * cost.DAYS)
        self.assertAlmostEqual(used["table_writes"], 3 * 24 * 5 * cost.DAYS)

    def test_stream_creates_at_most_one_object_per_minute(self):
        for each in cost.SCENARIOS:
            self.assertTrue(all(cost.Scenario.busy_minutes(each, log) <= 1440.001 for log in cost.MIX), each)
        single = cost.Scenario("", 1, 1, round_the_clock=True)
        self.assertAlmostEqual(sum(single.busy_minutes(log) for log in cost.MIX), 1, places=2)

    def test_fractions_add_up_to_one(self):
        self.assertAlmostEqual(sum(cost.MIX.values()), 1)
        self.assertAlmostEqual(sum(share for share, _ in cost.WEEK), 1)
        self.assertAlmostEqual(sum(share for _, share in cost.WEEK), 1)

    def test_cost_is_proportional_to_number_of_sources(self):
        hundred = cost.usage(cost.MANY)
        one = cost.usage(cost.Scenario("", 1, cost.MANY.records_a_day, memory_mb=cost.MANY.memory_mb))
        for key in ("secrets", "puts", "gets", "table_writes", "stored_gb", "secret_calls"):
            self.assertAlmostEqual(hundred[key], 100 * one[key], places=3)

    def test_ten_thousand_sources_cost_little_more_each_than_hundred(self):
        hundreds, most = cost.usage(cost.MANY), cost.usage(cost.MOST)
        times = cost.MOST.sources / cost.MANY.sources
        for key in ("secrets", "puts", "gets", "table_writes", "stored_gb", "secret_calls"):
            self.assertAlmostEqual(most[key] / (times * hundreds[key]), 1)
        for key in ("lambda_requests", "lambda_gb_seconds", "log_gb"):
            self.assertTrue(1 <= most[key] / (times * hundreds[key]) < 1.02, key)
        # The shards read the table once. Dispatching reads the names again at half the price, and one page of sources.
        self.assertTrue(1.1 <= most["table_reads"] / (times * hundreds["table_reads"]) < 1.2)

    def test_ten_thousand_sources_are_polled_within_one_minute(self):
        self.assertLess(cost.seconds_until_polled(cost.MOST), 60)
        # The time budget of the dispatching invocation, and the read rate of one table partition during this time.
        self.assertLess(cost.root_seconds(cost.MOST), 50)
        self.assertLess(cost.table_reads(cost.MOST) / cost.root_seconds(cost.MOST), cost.PARTITION_READS_A_SECOND)

    def test_busy_source_costs_less_than_one_dollar_as_readme_states(self):
        total = sum(cost.bill(cost.usage(cost.BUSY)).values())
        self.assertLess(total, 1)
        self.assertIn(f"${cost.usd(total)} per month", (ROOT / "README.md").read_text())

    def test_only_usage_beyond_free_tier_is_billed(self):
        self.assertEqual(cost.bill({"log_gb": 5, "alarms": 5}), {"log_gb": 0, "alarms": 0})
        self.assertAlmostEqual(cost.bill({"log_gb": 7})["log_gb"], 1.00)
        self.assertAlmostEqual(cost.bill({"log_gb": 7}, free=False)["log_gb"], 3.50)

    def test_every_scenario_tick_ends_before_timeout(self):
        (timeout,) = found("template.yaml", r"Timeout: (55)")
        for each in cost.SCENARIOS:
            self.assertLess(cost.tick_seconds(each), int(timeout) - 5, each.name)


class Bill(unittest.TestCase):
    def make(self, *variables):
        """Runs `make cost` without the variables of an outer make, because `make` may run this test."""
        command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", "cost", *variables]
        environment = {"PATH": os.environ["PATH"]}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def test_each_price_belongs_to_one_service(self):
        keys = [key for keys in cost.SERVICES.values() for key in keys]
        self.assertEqual(sorted(keys), sorted(cost.PRICES))

    def test_bill_has_memory_of_documented_scenarios(self):
        for each in cost.SCENARIOS:
            self.assertEqual(cost.scenario_of(each.sources, each.records_a_day).memory_mb, each.memory_mb, each.name)

    def test_bill_states_documented_totals(self):
        for each in [cost.IDLE, cost.BUSY, cost.MANY, cost.MOST]:
            done = self.make(f"SOURCES={each.sources}", f"RECORDS={each.records_a_day}")
            (after, before) = re.findall(r"(?m)^total +(\S+) +(\S+)$", done.stdout)[0]
            document = cost.DOCUMENT.read_text()
            self.assertIn(f" **{after}** |", re.findall(r"(?m)^\| \*\*first month.*$", document)[0])
            self.assertIn(f" {before} |", re.findall(r"(?m)^\| first month without.*$", document)[0])

    def test_bill_has_defaults_and_warns_if_minute_is_too_short(self):
        self.assertIn("1 source with 10,000 records per day,", self.make().stdout)
        self.assertNotIn("more than a minute", self.make("SOURCES=10000").stdout)
        self.assertIn("more than a minute", self.make("SOURCES=100000").stdout)

    def test_bad_value_is_error_that_names_variable(self):
        for variable in ["SOURCES=0", "SOURCES=", "SOURCES=100001", "SOURCES=-x", "RECORDS=-1", "RECORDS=10,000", "RECORDS=1e9"]:
            with self.subTest(variable):
                done = self.make(variable)
                name, value = variable.split("=")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"error: `{name}` is `{value}`, not a whole number from ", done.stderr)
                self.assertIn("hint: run, for example, `make cost SOURCES=20 RECORDS=10000`", done.stderr)
                self.assertEqual(done.stdout, "")


class Document(unittest.TestCase):
    def test_document_has_generated_tables(self):
        document = cost.DOCUMENT.read_text()
        self.assertEqual("".join(cost.difference(document, cost.filled(document))), "")

    def test_table_edited_by_hand_is_shown_as_difference(self):
        document = cost.DOCUMENT.read_text().replace("| 0.40 |", "| 0.30 |", 1)
        self.assertIn("-", "".join(cost.difference(document, cost.filled(document))))

    def test_document_without_markers_is_error(self):
        with self.assertRaisesRegex(ValueError, "markers"):
            cost.filled("# Cost\n")

    def test_template_parameters_state_same_prices(self):
        named = ["`Dashboard`", "`KmsKeyArn`", "Athena, TB scanned"]  # in the order of the parameters
        prices = [float(price) for name in named for what, price, *_ in cost.OTHER_PRICES if name in what]
        self.assertEqual([float(price) for price in found("template.yaml", r"\$(\d+) per (?:month|terabyte)")], prices)

    def test_operations_states_memory_for_many_sources(self):
        (timeout,) = found("template.yaml", r"Timeout: (55)")
        operations = " ".join((ROOT / "docs/operations.md").read_text().split())
        self.assertIn(f"With about {cost.MANY.sources} sources, give the poller {cost.MANY.memory_mb} MB", operations)
        self.assertIn(f"With {cost.MANY.records_a_day:,} records per day each", operations)
        self.assertIn(f"a tick then takes {cost.tick_seconds(cost.MANY):.1f} of its {int(timeout) - 5} seconds", operations)
        polled = f"With {cost.MOST.sources:,} such sources, all are polled after {cost.seconds_until_polled(cost.MOST):.1f} seconds"
        self.assertIn(polled, operations)
        self.assertIn(f"{cost.PARTITION_READS_A_SECOND:,} read units", operations)

    def test_security_states_cost_of_requests_without_link(self):
        (documented,) = found("docs/security.md", r"At this rate, others cannot connect, and a month costs about \$(\d+)")
        self.assertEqual(int(documented), round(cost.rejections_usd()))

    def test_document_states_date_of_prices(self):
        self.assertIn(cost.PRICES_AS_OF, cost.DOCUMENT.read_text())


if __name__ == "__main__":
    unittest.main()
