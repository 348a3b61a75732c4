"""What the template says of functions, rule, API, alarms and parameters, against the code and what is promised."""

import json
import re
import tomllib
import unittest

import rust
import template


def function(name: str, **parameters: str) -> dict:
    return template.properties(template.resolved(**parameters), name)


class Poller(unittest.TestCase):
    def test_it_is_small_ends_before_the_next_tick_and_is_built_for_arm_unless_asked_otherwise(self):
        poller = function("Poller")
        self.assertEqual(
            (poller["Architectures"], poller["MemorySize"], poller["Runtime"]), (["arm64"], 128, "provided.al2023")
        )
        self.assertLess(poller["Timeout"], 60)
        self.assertEqual(function("Poller", Architecture="x86_64")["Architectures"], ["x86_64"])

    def test_no_concurrency_is_set_aside_unless_asked_for(self):
        self.assertNotIn("ReservedConcurrentExecutions", function("Poller"))
        self.assertEqual(function("Poller", PollerConcurrencyMax="3")["ReservedConcurrentExecutions"], "3")

    def test_a_tick_is_due_every_minute_and_a_failed_one_is_left_to_the_next(self):
        resources = template.resolved()
        (rule,) = template.of_type(resources, "AWS::Events::Rule").values()
        self.assertEqual(rule["ScheduleExpression"], "rate(1 minute)")
        (target,) = rule["Targets"]
        self.assertEqual(target["Arn"], {"Fn::GetAtt": ["Poller", "Arn"]})
        (invoked,) = template.of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
        self.assertEqual((invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]), (0, 60))
        dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
        self.assertEqual(invoked["DestinationConfig"], {"OnFailure": {"Destination": dead_letters}})
        self.assertEqual(target["DeadLetterConfig"], {"Arn": dead_letters})


class Roles(unittest.TestCase):
    def test_each_is_taken_by_lambda_alone_and_within_the_boundary_that_is_given(self):
        boundary = "arn:aws:iam::123456789012:policy/boundary"
        roles = template.of_type(template.resolved(PermissionsBoundaryArn=boundary), "AWS::IAM::Role")
        self.assertEqual(set(roles), {"PollerRole", "OAuthRole"}, "no role is made by the transform")
        for name, role in roles.items():
            with self.subTest(name):
                (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
                self.assertEqual(trust["Principal"], {"Service": "lambda.amazonaws.com"})
                self.assertEqual(role["PermissionsBoundary"], boundary)
                self.assertNotIn("ManagedPolicyArns", role)
                self.assertNotIn("PermissionsBoundary", function(name))

    def test_the_poller_writes_and_reads_the_objects_of_each_log_and_of_nothing_else(self):
        (policy,) = function("PollerRole")["Policies"]
        (objects,) = [it for it in policy["PolicyDocument"]["Statement"] if "s3:PutObject" in it["Action"]]
        self.assertCountEqual(objects["Resource"], [{"Fn::Sub": f"${{LogBucket.Arn}}/{log}/*"} for log in rust.logs()])

    def test_every_action_is_named_and_has_its_reason_beside_it(self):
        actions = re.findall(r"(?m)^ +- ([a-z0-9]+:\S+)( # \S.*)?$", (template.ROOT / "template.yaml").read_text())
        self.assertGreater(len(actions), 10)
        for action, reason in actions:
            with self.subTest(action):
                self.assertNotIn("*", action)
                self.assertTrue(reason, "say in a comment on its line what it is for")


class Api(unittest.TestCase):
    def test_it_has_the_two_routes_of_connecting_and_is_throttled(self):
        resources = template.resolved()
        (api,) = template.of_type(resources, "AWS::ApiGatewayV2::Api").values()
        routes = {(method, path) for path, methods in api["Body"]["paths"].items() for method in methods}
        self.assertEqual(routes, {("get", "/oauth/start"), ("get", "/oauth/callback")})
        (stage,) = template.of_type(resources, "AWS::ApiGatewayV2::Stage").values()
        self.assertEqual(stage["DefaultRouteSettings"], {"ThrottlingBurstLimit": 10, "ThrottlingRateLimit": 5})

    def test_its_access_log_holds_nothing_that_may_hold_a_code_or_a_state(self):
        (stage,) = template.of_type(template.resolved(), "AWS::ApiGatewayV2::Stage").values()
        told = set(json.loads(stage["AccessLogSettings"]["Format"]).values())
        harmless = {
            "requestTime",
            "identity.sourceIp",
            "httpMethod",
            "path",
            "status",
            "integrationErrorMessage",
            "requestId",
        }
        self.assertLessEqual(told, {f"$context.{name}" for name in harmless})

    def test_the_function_answers_before_the_api_gives_up(self):
        self.assertLess(function("OAuth")["Timeout"], 30)


class Metrics(unittest.TestCase):
    def test_each_metric_that_is_looked_at_is_written_and_each_that_is_written_is_looked_at(self):
        namespace, written = rust.metrics()
        resources = template.resolved(Dashboard="yes")
        alarms = json.dumps(template.of_type(resources, "AWS::CloudWatch::Alarm"))
        by_alarms = set(re.findall(rf'"Namespace": "{namespace}", "MetricName": "(\w+)"', alarms))
        (dashboard,) = template.of_type(resources, "AWS::CloudWatch::Dashboard").values()
        by_dashboard = set(re.findall(rf'\["{namespace}","(\w+)"', dashboard["DashboardBody"]["Fn::Sub"]))
        self.assertEqual(by_alarms | by_dashboard, written)

    def test_every_alarm_tells_the_topic_and_names_its_heading(self):
        operations = template.ROOT / "docs/operations.md"
        headings = re.findall(r"(?m)^#+ (.*)$", operations.read_text())
        for name, alarm in template.of_type(template.resolved(), "AWS::CloudWatch::Alarm").items():
            with self.subTest(name):
                self.assertEqual(alarm["AlarmActions"], [{"Ref": "AlarmTopic"}])
                (heading,) = re.findall(r'See "([^"]+)" in docs/operations\.md', alarm["AlarmDescription"])
                self.assertIn(heading, headings)

    def test_there_is_a_dashboard_and_a_subscription_only_when_asked_for(self):
        self.assertEqual(template.of_type(template.resolved(), "AWS::CloudWatch::Dashboard"), {})
        self.assertNotIn("Subscription", function("AlarmTopic"))
        wanted = [{"Protocol": "email", "Endpoint": "a@example.com"}]
        self.assertEqual(function("AlarmTopic", AlarmEmail="a@example.com")["Subscription"], wanted)


class LogGroups(unittest.TestCase):
    def test_the_functions_log_to_groups_of_the_stack_that_are_kept_as_long_as_asked(self):
        resources = template.resolved(LogRetentionDays="90")
        groups = template.of_type(resources, "AWS::Logs::LogGroup")
        self.assertEqual({group["RetentionInDays"] for group in groups.values()}, {"90"})
        for name in template.of_type(resources, "AWS::Lambda::Function"):
            self.assertIn(function(name)["LoggingConfig"]["LogGroup"]["Ref"], groups)


class Furniture(unittest.TestCase):
    def test_every_parameter_is_described_labelled_and_in_one_group(self):
        parameters = template.written()["Parameters"]
        console = template.written()["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
        self.assertCountEqual(grouped, parameters)
        self.assertEqual(set(console["ParameterLabels"]), set(parameters))
        for name, parameter in parameters.items():
            with self.subTest(name):
                self.assertIn("Description", parameter)
                bounds = {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter)
                self.assertTrue(bounds, "a wrong value is to be refused before anything is made")

    def test_what_is_said_to_the_application_repository_is_so(self):
        said = template.written()["Metadata"]["AWS::ServerlessRepo::Application"]
        self.assertEqual(said["SemanticVersion"], rust.version())
        for key in ["LicenseUrl", "ReadmeUrl"]:
            self.assertTrue((template.ROOT / said[key]).is_file(), said[key])

    def test_the_example_for_sam_local_sets_the_variables_that_the_template_sets(self):
        example = json.loads((template.ROOT / "events/env.json").read_text())
        for name, variables in example.items():
            self.assertEqual(set(variables), set(function(name)["Environment"]["Variables"]), name)

    def test_sam_lints_builds_side_by_side_and_asks_before_it_deploys(self):
        settings = tomllib.loads((template.ROOT / "samconfig.toml").read_text())["default"]
        self.assertTrue(settings["validate"]["parameters"]["lint"])
        self.assertTrue(settings["build"]["parameters"]["parallel"])
        deploy = settings["deploy"]["parameters"]
        self.assertEqual((deploy["capabilities"], deploy["confirm_changeset"]), ("CAPABILITY_IAM", True))
