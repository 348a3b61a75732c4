"""Tests functions, rule, API, table, alarms and parameters of the template against the code and the documents."""

import json
import re
import tomllib
import unittest

import rust
import template


# For each alarm: metric, statistic over 5 minutes, periods, comparison, threshold, and treatment of missing data.
ALARMS = {
    "PollerNotRunningAlarm": ("Invocations", "Sum", 1, "LessThanThreshold", 1, "missing"),
    "PollerErrorsAlarm": ("Errors", "Sum", 3, "GreaterThanThreshold", 0, "notBreaching"),
    "OAuthErrorsAlarm": ("Errors", "Sum", 1, "GreaterThanThreshold", 0, "notBreaching"),
    "ActionRequiredAlarm": ("StreamsRequiringAction", "Maximum", 1, "GreaterThanThreshold", 0, "notBreaching"),
    "LagAlarm": ("LagSeconds", "Maximum", 2, "GreaterThanThreshold", "${LagAlarmMinutes}", "notBreaching"),
    "SilentStreamAlarm": ("SilentStreams", "Maximum", 1, "GreaterThanThreshold", 0, "notBreaching"),
}
# The lines of the dashboard, with a period of one minute: function, metric, statistic.
DASHBOARD = [
    ("Poller", "RecordsStored", "Sum"),
    ("Poller", "LagSeconds", "Maximum"),
    ("Poller", "StreamsRequiringAction", "Maximum"),
    ("Poller", "SilentStreams", "Maximum"),
    ("Poller", "Invocations", "Sum"),
    ("Poller", "Errors", "Sum"),
    ("OAuth", "Invocations", "Sum"),
    ("OAuth", "Errors", "Sum"),
]
# The domain of the AWS console in each partition.
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
# CloudWatch's limit for the description of an alarm.
ALARM_DESCRIPTION_MAX = 1024
# CloudFormation may write numbers from this size on as 1.0E7, as Java does.
SCIENTIFIC_FROM = 10**7
# Lambda's limit for the length of a function name.
FUNCTION_NAME_MAX = 64
# The longest names that an alarm's description can contain. README limits the length of a stack's name.
LONGEST_NAMES = {
    "AWS::StackName": "s" * 57,
    "AWS::Region": "ap-southeast-2",
    "Poller": "p" * FUNCTION_NAME_MAX,
    "OAuth": "o" * FUNCTION_NAME_MAX,
}


def function(name: str, **parameters: str) -> dict:
    return template.properties(template.resolved(**parameters), name)


def kept_under(metric: str) -> tuple[str, str]:
    """Returns the namespace and the dimension of a metric, which the poller or Lambda writes."""
    namespace, dimension, written = rust.metrics()
    return (namespace, dimension) if metric in written else ("AWS/Lambda", "FunctionName")


class Poller(unittest.TestCase):
    def test_poller_is_small_ends_before_next_tick_and_defaults_to_arm(self):
        poller = function("Poller")
        self.assertEqual(
            (poller["Architectures"], poller["MemorySize"], poller["Runtime"]), (["arm64"], 128, "provided.al2023")
        )
        self.assertLess(poller["Timeout"], 60)
        self.assertEqual(function("Poller", Architecture="x86_64")["Architectures"], ["x86_64"])

    def test_no_concurrency_is_reserved_by_default(self):
        self.assertNotIn("ReservedConcurrentExecutions", function("Poller"))
        self.assertEqual(function("Poller", PollerReservedConcurrency="3")["ReservedConcurrentExecutions"], "3")

    def test_tick_runs_every_minute_and_is_not_retried(self):
        resources = template.resolved()
        (rule,) = template.of_type(resources, "AWS::Events::Rule").values()
        self.assertEqual(rule["ScheduleExpression"], "rate(1 minute)")
        (target,) = rule["Targets"]
        self.assertEqual(target["Arn"], {"Fn::GetAtt": ["Poller", "Arn"]})
        (invoked,) = template.of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
        self.assertEqual((invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]), (0, 60))
        delivery = {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1}
        self.assertEqual(target["RetryPolicy"], delivery)
        dead_letters = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
        self.assertEqual(invoked["DestinationConfig"], {"OnFailure": {"Destination": dead_letters}})
        self.assertEqual(target["DeadLetterConfig"], {"Arn": dead_letters})


class Api(unittest.TestCase):
    def test_api_has_oauth_routes_and_is_throttled(self):
        resources = template.resolved()
        (api,) = template.of_type(resources, "AWS::ApiGatewayV2::Api").values()
        routes = {(method, path) for path, methods in api["Body"]["paths"].items() for method in methods}
        self.assertEqual(routes, {("get", "/oauth/start"), ("post", "/oauth/start"), ("get", "/oauth/callback")})
        (stage,) = template.of_type(resources, "AWS::ApiGatewayV2::Stage").values()
        self.assertEqual(stage["DefaultRouteSettings"], {"ThrottlingBurstLimit": 10, "ThrottlingRateLimit": 5})

    def test_api_access_log_omits_codes_and_states(self):
        (stage,) = template.of_type(template.resolved(), "AWS::ApiGatewayV2::Stage").values()
        logged = set(json.loads(stage["AccessLogSettings"]["Format"]).values())
        harmless = {
            "requestTime",
            "identity.sourceIp",
            "httpMethod",
            "path",
            "status",
            "integrationErrorMessage",
            "requestId",
        }
        self.assertLessEqual(logged, {f"$context.{name}" for name in harmless})

    def test_function_times_out_before_api(self):
        self.assertLess(function("OAuth")["Timeout"], 30)


class Metrics(unittest.TestCase):
    def test_each_alarm_watches_one_function_and_notifies_at_start_and_end(self):
        alarms = template.of_type(template.resolved(LagAlarmMinutes="${LagAlarmMinutes}"), "AWS::CloudWatch::Alarm")
        self.assertEqual(set(alarms), set(ALARMS))
        for name, (metric, statistic, periods, comparison, threshold, missing) in ALARMS.items():
            with self.subTest(name):
                namespace, dimension = kept_under(metric)
                dimensions = [{"Name": dimension, "Value": {"Ref": "OAuth" if name.startswith("OAuth") else "Poller"}}]
                source = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
                watched = source | {"Statistic": statistic, "Period": 300}
                if name == "LagAlarm":  # the metric is in seconds, the parameter in minutes
                    lag = {"Metric": source, "Period": 300, "Stat": statistic}
                    minutes = {"Id": "minutes", "Expression": "lag / 60", "Label": "Minutes"}
                    watched = {"Metrics": [{"Id": "lag", "ReturnData": False, "MetricStat": lag}, minutes]}
                actions = ["AlarmActions", "OKActions"]
                if missing == "missing":  # missing data raises no alarm, so the change to INSUFFICIENT_DATA must notify
                    actions.append("InsufficientDataActions")
                notified = {it: [{"Ref": "AlarmTopic"}] for it in actions}
                counted = {"EvaluationPeriods": periods, "ComparisonOperator": comparison, "Threshold": threshold}
                wanted = watched | counted | notified | {"TreatMissingData": missing}
                self.assertEqual({key: it for key, it in alarms[name].items() if key != "AlarmDescription"}, wanted)

    def test_no_alarm_fires_before_its_metric_has_data(self):
        for name, alarm in template.of_type(template.resolved(), "AWS::CloudWatch::Alarm").items():
            self.assertIn(alarm["TreatMissingData"], ["missing", "notBreaching"], name)

    def test_dashboard_shows_alarm_metrics_per_minute(self):
        (dashboard,) = template.of_type(template.resolved(Dashboard="yes"), "AWS::CloudWatch::Dashboard").values()
        widgets = [it["properties"] for it in json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]]
        shown = [(*line, it["stat"], it["period"]) for it in widgets for line in it["metrics"]]
        wanted = []
        for name, metric, statistic in DASHBOARD:
            namespace, dimension = kept_under(metric)
            wanted.append((namespace, metric, dimension, f"${{{name}}}", statistic, 60))
        self.assertEqual(shown, wanted)

    def test_each_written_metric_is_used(self):
        _, _, written = rust.metrics()
        self.assertLessEqual(written, {metric for _, metric, _ in DASHBOARD} | {metric for metric, *_ in ALARMS.values()})

    def test_every_alarm_names_stack_command_console_links_and_heading(self):
        operations = template.ROOT / "docs/operations.md"
        headings = re.findall(r"(?m)^#+ (.*)$", operations.read_text())
        values = LONGEST_NAMES
        stack, region = values["AWS::StackName"], values["AWS::Region"]
        slacktrail = f"SLACKTRAIL_STACK={stack} AWS_REGION={region} slacktrail (?:doctor|status)"
        sam = rf"sam logs --stack-name {stack} --region {region} --name (\w+) --filter ERROR"
        for partition, console in CONSOLES.items():
            resources = template.resolved(**{"AWS::Partition": partition})
            for name, alarm in template.of_type(resources, "AWS::CloudWatch::Alarm").items():
                with self.subTest(f"{name} in {partition}"):
                    text = template.substituted(alarm["AlarmDescription"], values)
                    self.assertLessEqual(len(text), ALARM_DESCRIPTION_MAX)
                    event, command, see, log, metrics = text.split("\n")
                    self.assertIn(f"the stack {stack} ", event)
                    self.assertRegex(command, rf"\ARun: (?:{slacktrail}|{sam})\Z")
                    (heading,) = re.findall(r'\ASee "([^"]+)" in docs/operations\.md\.\Z', see)
                    self.assertIn(heading, headings)
                    function = "OAuth" if name.startswith("OAuth") else "Poller"
                    named = re.search(sam, command)
                    self.assertEqual(named[1] if named else function, function)
                    group = template.properties(resources, f"{function}LogGroup")["LogGroupName"]["Fn::Sub"]
                    group = group.replace("${AWS::StackName}", stack).replace("/", "$252F")
                    home = f"home?region={region}#"
                    self.assertEqual(log, f"Log: https://{console}/cloudwatch/{home}logsV2:log-groups/log-group/{group}")
                    page = f"https://{console}/lambda/{home}/functions/{values[function]}?tab=monitoring"
                    self.assertEqual(metrics, f"Metrics: {page}")

    def test_dashboard_and_subscription_are_opt_in(self):
        self.assertEqual(template.of_type(template.resolved(), "AWS::CloudWatch::Dashboard"), {})
        self.assertNotIn("Subscription", function("AlarmTopic"))
        wanted = [{"Protocol": "email", "Endpoint": "a@example.com"}]
        self.assertEqual(function("AlarmTopic", AlarmEmail="a@example.com")["Subscription"], wanted)


class LogGroups(unittest.TestCase):
    def test_functions_log_to_stack_log_groups_with_given_retention(self):
        resources = template.resolved(LogRetentionDays="90")
        groups = template.of_type(resources, "AWS::Logs::LogGroup")
        self.assertEqual({group["RetentionInDays"] for group in groups.values()}, {"90"})
        for name in template.of_type(resources, "AWS::Lambda::Function"):
            self.assertIn(function(name)["LoggingConfig"]["LogGroup"]["Ref"], groups)

    def test_log_level_keeps_metrics_and_silences_libraries(self):
        for name in ["Poller", "OAuth"]:
            logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": {"Ref": f"{name}LogGroup"}}
            self.assertEqual(function(name)["LoggingConfig"], logging)


    def test_api_log_group_needs_no_log_resource_policy(self):
        resources = template.resolved()
        (stage,) = template.of_type(resources, "AWS::ApiGatewayV2::Stage").values()
        self.assertEqual(stage["AccessLogSettings"]["DestinationArn"], {"Fn::GetAtt": ["ApiLogGroup", "Arn"]})
        self.assertRegex(function("ApiLogGroup")["LogGroupName"]["Fn::Sub"], r"^/aws/vendedlogs/")


class Kept(unittest.TestCase):
    def test_table_has_on_demand_billing_aws_owned_key_and_recovery(self):
        table = function("Table")
        self.assertEqual(
            (table["BillingMode"], table["PointInTimeRecoverySpecification"]),
            ("PAY_PER_REQUEST", {"PointInTimeRecoveryEnabled": True}),
        )
        self.assertNotIn("SSESpecification", table, "without this property, DynamoDB uses a key that AWS owns, at no charge")
        expiration = {"AttributeName": rust.ttl_attribute(), "Enabled": True}
        self.assertEqual(table["TimeToLiveSpecification"], expiration)

    def test_dead_letters_are_encrypted_and_kept_for_14_days(self):
        self.assertEqual(
            function("DeadLetterQueue"), {"MessageRetentionPeriod": 14 * 24 * 60 * 60, "SqsManagedSseEnabled": True}
        )


class Parameters(unittest.TestCase):
    def test_every_parameter_has_description_label_and_one_group(self):
        parameters = template.written()["Parameters"]
        console = template.written()["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
        self.assertCountEqual(grouped, parameters)
        self.assertEqual(set(console["ParameterLabels"]), set(parameters))
        for name, parameter in parameters.items():
            with self.subTest(name):
                self.assertIn("Description", parameter)
                bounds = {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter)
                self.assertTrue(bounds, "CloudFormation must reject a wrong value before it creates resources")

    def test_patterns_match_whole_value(self):
        for name, parameter in template.written()["Parameters"].items():
            pattern = parameter.get("AllowedPattern", "")
            with self.subTest(name):
                depth = 0
                for c in re.sub(r"\[[^\]]*\]", "", pattern):
                    depth += {"(": 1, ")": -1}.get(c, 0)
                    self.assertFalse(c == "|" and depth == 0, "an anchor would apply to only one side of |")

    def test_kms_key_is_single_region_or_multi_region(self):
        pattern = template.written()["Parameters"]["KmsKeyArn"]["AllowedPattern"]
        for key in ["", "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"]:
            self.assertRegex(key, rf"\A{pattern}\Z")
        self.assertRegex("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef", rf"\A{pattern}\Z")
        self.assertNotRegex("arn:aws:kms:eu-west-1:123456789012:alias/logs", rf"\A{pattern}\Z")

    def test_large_default_is_text(self):
        for name, parameter in template.written()["Parameters"].items():
            if isinstance(parameter["Default"], int):
                self.assertLess(parameter["Default"], SCIENTIFIC_FROM, f"quote the default of {name}")

    def test_readme_states_longest_stack_name(self):
        names = [it["FunctionName"]["Fn::Sub"] for it in template.of_type(template.resolved(), "AWS::Lambda::Function").values()]
        longest = min(FUNCTION_NAME_MAX - len(name.replace("${AWS::StackName}", "")) for name in names)
        self.assertEqual(longest, 57)
        self.assertIn(f"at most {longest} characters", (template.ROOT / "README.md").read_text())

    def test_application_repository_metadata_is_correct(self):
        metadata = template.written()["Metadata"]["AWS::ServerlessRepo::Application"]
        self.assertEqual(metadata["SemanticVersion"], rust.version())
        for key in ["LicenseUrl", "ReadmeUrl"]:
            self.assertTrue((template.ROOT / metadata[key]).is_file(), metadata[key])

    def test_sam_local_example_sets_variables_of_template(self):
        example = json.loads((template.ROOT / "events/env.json").read_text())
        for name, variables in example.items():
            self.assertEqual(set(variables), set(function(name)["Environment"]["Variables"]), name)

    def test_sam_lints_builds_in_parallel_and_confirms_changeset(self):
        settings = tomllib.loads((template.ROOT / "samconfig.toml").read_text())["default"]
        self.assertTrue(settings["validate"]["parameters"]["lint"])
        self.assertTrue(settings["build"]["parameters"]["parallel"])
        deploy = settings["deploy"]["parameters"]
        self.assertEqual((deploy["capabilities"], deploy["confirm_changeset"]), ("CAPABILITY_IAM", True))
