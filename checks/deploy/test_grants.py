"""Compares the permissions of the functions' roles with docs/security.md, and those of other principals with a list.

The tests compare complete statements, so that they detect missing, additional and broader permissions.
"""

import re
import unittest
from collections.abc import Iterable, Iterator

import rust
import template

KEY = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
LAMBDA = {"Principal": {"Service": "lambda.amazonaws.com"}, "Action": ["sts:AssumeRole"], "Effect": "Allow"}
S3 = "s3.${AWS::Region}.${AWS::URLSuffix}"
ROUTES = f"arn:${{AWS::Partition}}:execute-api:{ACCOUNT}:${{Api}}/*/"
# Permissions of other principals, by the resource that grants them.
RESOURCE_GRANTS = {
    "PollerRole": LAMBDA,
    "OAuthRole": LAMBDA,
    "DeadLetterQueuePolicy": {
        "Sid": "AllowScheduleRule",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["sqs:SendMessage"],
        "Resource": ["${DeadLetterQueue.Arn}"],
        "Condition": {"ArnEquals": {"aws:SourceArn": "${PollerSchedule.Arn}"}},
    },
    "PollerSchedulePermission": {
        "Principal": "events.amazonaws.com",
        "Action": ["lambda:InvokeFunction"],
        "FunctionName": "${Poller}",
        "SourceArn": "${PollerSchedule.Arn}",
    },
    "OAuthStartPermission": {
        "Principal": "apigateway.amazonaws.com",
        "Action": ["lambda:InvokeFunction"],
        "FunctionName": "${OAuth}",
        "SourceArn": f"{ROUTES}GET/oauth/start",
    },
    "OAuthButtonPermission": {
        "Principal": "apigateway.amazonaws.com",
        "Action": ["lambda:InvokeFunction"],
        "FunctionName": "${OAuth}",
        "SourceArn": f"{ROUTES}POST/oauth/start",
    },
    "OAuthCallbackPermission": {
        "Principal": "apigateway.amazonaws.com",
        "Action": ["lambda:InvokeFunction"],
        "FunctionName": "${OAuth}",
        "SourceArn": f"{ROUTES}GET/oauth/callback",
    },
}


class Grants(unittest.TestCase):
    maxDiff = None

    def test_each_role_has_exactly_documented_permissions(self):
        for given in [{}, {"KmsKeyArn": KEY}]:
            with self.subTest(given=given):
                granted = [(name, it) for name, it in statements(**given) if "Principal" not in it]
                self.assertEqual(by_name(granted), by_name(documented(given)))

    def test_resource_policies_admit_only_lambda_rule_and_routes(self):
        granted = [(name, it) for name, it in statements() if "Principal" in it and it.get("Effect") != "Deny"]
        self.assertEqual(by_name(granted), by_name(RESOURCE_GRANTS.items()))

    def test_no_other_resource_type_can_grant_access(self):
        kinds = {resource["Type"] for resource in template.resolved()["Resources"].values()}
        granting = {kind for kind in kinds if re.search(r"::IAM::|Polic|Permission|Grant|::Url$", kind)}
        read = {"AWS::IAM::Role", "AWS::Lambda::Permission", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
        self.assertEqual(granting, read)


class Roles(unittest.TestCase):
    def test_each_role_has_one_function_and_given_boundary(self):
        boundary = "arn:aws:iam::123456789012:policy/boundary"
        resources = template.resolved(PermissionsBoundaryArn=boundary)
        roles = template.of_type(resources, "AWS::IAM::Role")
        functions = template.of_type(resources, "AWS::Lambda::Function")
        assigned = {name: function["Role"] for name, function in functions.items()}
        self.assertEqual(assigned, {name: {"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in ["Poller", "OAuth"]})
        self.assertEqual(set(roles), {f"{name}Role" for name in functions}, "the transform must not create a role")
        for name, role in roles.items():
            with self.subTest(name):
                self.assertEqual(role["PermissionsBoundary"], boundary)
                self.assertNotIn("ManagedPolicyArns", role)
                self.assertNotIn("PermissionsBoundary", template.properties(template.resolved(), name))

    def test_every_action_is_explicit_and_has_reason(self):
        actions = re.findall(r"(?m)^ +- ([a-z0-9]+:\S+)( # \S.*)?$", (template.ROOT / "template.yaml").read_text())
        self.assertGreater(len(actions), 10)
        for action, reason in actions:
            with self.subTest(action):
                self.assertNotIn("*", action)
                self.assertTrue(reason, "state the reason in a comment on the same line")


def documented(given: dict[str, str]) -> Iterator[tuple[str, dict]]:
    """Yields role and statement for each row of docs/security.md that applies with these parameters."""
    text = (template.ROOT / "docs/security.md").read_text()
    section = text.split("\n## Function permissions\n")[1].split("\n**The rule** ")[0]
    for function, table in re.findall(r"(?m)^\*\*(\w+).*\*\*\n\n((?:\|.*\n)+)", section):
        for row in table.splitlines()[2:]:
            statement, actions, resource = (cell.strip() for cell in row.strip("|").split(" | "))
            sid, parameter = re.fullmatch(r"`(\w+)`(?:, with `(\w+)`)?", statement).groups()
            if parameter and parameter not in given:
                continue
            service, *_ = re.findall(r"`(\w+:)", actions)  # the document names the service once for several actions
            actions = [name if ":" in name else service + name for name in re.findall(r"`([^`]+)`", actions)]
            resource, _, kinds = resource.partition(": partition key")
            resource, through_s3, _ = resource.partition(", through S3 only")
            resources = sorted(called(function)[resource])
            granted = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}
            keys = sorted(re.findall(r"`(\w+)`", kinds))
            condition = {"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}}} if keys else {}
            if through_s3:
                condition = {"Condition": {"StringEquals": {"kms:ViaService": S3}}}
            yield f"{function}Role", granted | condition


def called(function: str) -> dict[str, list[str]]:
    """Returns the ARNs in the policies by the resource's name in docs/security.md, for a function."""
    prefixes = ", ".join(f"`{log}/*`" for log in rust.logs())
    return {
        "the bucket": ["${LogBucket.Arn}"],
        f"the bucket's {prefixes}": [f"${{LogBucket.Arn}}/{log}/*" for log in rust.logs()],
        "the table": ["${Table.Arn}"],
        "secrets below `SecretPrefix`": [f"arn:${{AWS::Partition}}:secretsmanager:{ACCOUNT}:secret:${{SecretPrefix}}*"],
        "itself": [f"arn:${{AWS::Partition}}:lambda:{ACCOUNT}:function:${{AWS::StackName}}-{function.lower()}"],
        "its log group": [f"${{{function}LogGroup.Arn}}"],
        "the dead-letter queue": ["${DeadLetterQueue.Arn}"],
        "that key": [KEY],
    }


def statements(**parameters: str) -> Iterator[tuple[str, dict]]:
    """Yields every statement in the stack that allows or denies something, with the name of its resource."""
    for name, resource in template.resolved(**parameters)["Resources"].items():
        found = [resource["Properties"]] if resource["Type"] == "AWS::Lambda::Permission" else within(resource)
        yield from ((name, normalized(it)) for it in found)


def within(value: object) -> Iterator[dict]:
    """Yields the statements in a part of the template, at any depth."""
    if isinstance(value, dict) and "Effect" in value:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from within(inner)


def normalized(value: object) -> object:
    """Normalizes a part of a policy: intrinsic functions become `${Name}`, actions and resources become sorted lists."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": [text, names]}:
            return re.sub(r"\$\{(\w+)\}", lambda found: normalized(names.get(found[1], {"Ref": found[1]})), text)
        case {"Fn::Sub": text}:
            return text
        case dict():
            values = {key: normalized(inner) for key, inner in value.items()}
            as_list = {key: [it] for key, it in values.items() if key in ("Action", "Resource") and isinstance(it, str)}
            return values | as_list
        case list():
            return sorted(normalized(inner) for inner in value)
        case str():
            return value.replace("${", "$ {")  # a literal `${` without !Sub is an error, so it must not match
    return value


def by_name(granted: Iterable[tuple[str, dict]]) -> list[tuple[str, dict]]:
    return sorted(granted, key=lambda it: (it[0], it[1].get("Sid", "")))
