"""Deploys the template with every option to an emulated account, and checks the resources and their references."""

import re
import subprocess
import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import template
from deploy import STACK, Account

OPTIONS = {
    "AlarmEmail": "a@example.com",
    "Architecture": "x86_64",
    "ArchiveAfterDays": "30",
    "Dashboard": "yes",
    "DatabaseName": "logs",
    "DeleteAfterDays": "400",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef",
    "LagAlarmMinutes": "10",
    "ObjectLockMode": "GOVERNANCE",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "PollerReservedConcurrency": "3",
    "SecretPrefix": "other/",
}


@contextmanager
def running_account() -> Iterator[Account]:
    """Runs account.py and yields its account when the server listens."""
    program = Path(__file__).with_name("account.py")
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            running = re.match(r" \* Running on (\S+)$", server.stdout.readline())
            if running is None:
                raise RuntimeError("the emulated account did not start\nhint: run checks/deploy/account.py to see the error")
            yield Account(running[1])
        finally:
            server.kill()


class EveryOption(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.account = cls.enterClassContext(running_account())
        cls.account.deploy(OPTIONS)
        cls.resources = cls.account.resources()

    def test_functions_have_requested_settings(self):
        for name in ["Poller", "OAuth"]:
            function = self.account.client("lambda").get_function_configuration(FunctionName=self.resources[name])
            self.assertEqual(function["Architectures"], ["x86_64"])
            self.assertEqual(function["Environment"]["Variables"]["SECRET_PREFIX"], "other/")
        granted = self.account.function(self.resources["Poller"])["statements"]
        self.assertIn(OPTIONS["KmsKeyArn"], [statement["Resource"] for statement in granted])

    def test_rule_targets_poller_and_may_invoke_it(self):
        (target,) = self.account.client("events").list_targets_by_rule(Rule=self.resources["PollerSchedule"])[
            "Targets"
        ]
        poller = self.account.client("lambda").get_function(FunctionName=self.resources["Poller"])
        self.assertEqual(target["Arn"], poller["Configuration"]["FunctionArn"])
        policy = self.account.client("lambda").get_policy(FunctionName=self.resources["Poller"])["Policy"]
        self.assertIn("events.amazonaws.com", policy)
        self.assertIn(self.resources["PollerSchedule"], policy)

    def test_oauth_function_serves_api_routes(self):
        api, client = self.resources["Api"], self.account.client("apigatewayv2")
        routes = {route["RouteKey"] for route in client.get_routes(ApiId=api)["Items"]}
        self.assertEqual(routes, {"GET /oauth/start", "POST /oauth/start", "GET /oauth/callback"})
        oauth = self.account.client("lambda").get_function(FunctionName=self.resources["OAuth"])
        for integration in client.get_integrations(ApiId=api)["Items"]:
            self.assertIn(
                f"/functions/{oauth['Configuration']['FunctionArn']}/invocations", integration["IntegrationUri"]
            )

    def test_alarms_watch_functions_and_notify_subscriber(self):
        alarms = self.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
        self.assertEqual(len(alarms), sum(name.endswith("Alarm") for name in self.resources))
        for alarm in alarms:
            sources = [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", []))]
            watched = [dimension["Value"] for metric in sources for dimension in metric.get("Dimensions", [])]
            self.assertLessEqual(set(watched), {self.resources["Poller"], self.resources["OAuth"]}, alarm["AlarmName"])
            self.assertEqual(alarm["AlarmActions"], [self.resources["AlarmTopic"]])
            for text in [f"the stack {STACK} ", "https://console.aws.amazon.com/lambda/", *set(watched)]:
                self.assertIn(text, alarm["AlarmDescription"])
            self.assertNotIn("${", alarm["AlarmDescription"])
        (subscription,) = self.account.client("sns").list_subscriptions()["Subscriptions"]
        self.assertEqual((subscription["Protocol"], subscription["Endpoint"]), ("email", OPTIONS["AlarmEmail"]))

    def test_tables_are_in_named_database_and_point_to_bucket(self):
        tables = self.account.client("glue").get_tables(DatabaseName="logs")["TableList"]
        stored = [table for table in tables if table["TableType"] == "EXTERNAL_TABLE"]
        self.assertTrue(stored)
        for table in stored:
            self.assertEqual(
                table["StorageDescriptor"]["Location"], f"s3://{self.resources['LogBucket']}/{table['Name']}/"
            )

    def test_unsupported_resource_type_is_named(self):
        with self.assertRaisesRegex(SystemExit, "no resource of AWS::Unknown::Thing\nhint: "):
            self.account.require(template.resolved()["Resources"] | {"Thing": {"Type": "AWS::Unknown::Thing"}})

    def test_one_stack_exists_with_all_outputs(self):
        (stack,) = self.account.client("cloudformation").describe_stacks()["Stacks"]
        self.assertEqual((stack["StackName"], stack["StackStatus"]), (STACK, "CREATE_COMPLETE"))
        self.assertNotIn("", self.account.outputs().values())
