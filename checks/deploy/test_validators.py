"""Runs independent validators on the template: AWS's schema checks, and a linter for IAM policies.

These two are libraries. cfn-lint and checkov have configuration files, and the Makefile runs them.
"""

import json
import re
import unittest

import parliament
import template
from cloudformation_validate import CompositeEngine, Severity, TemplateContent
from test_grants import normalized

# Values for the intrinsic functions in policies, so that the linter can parse them.
VALUES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "slacktrail",
    "AWS::URLSuffix": "amazonaws.com",
    "DeadLetterQueue.Arn": "arn:aws:sqs:us-east-1:123456789012:dead-letters",
    "LogBucket.Arn": "arn:aws:s3:::logs",
    "OAuthLogGroup.Arn": "arn:aws:logs:us-east-1:123456789012:log-group:oauth:*",
    "PollerSchedule.Arn": "arn:aws:events:us-east-1:123456789012:rule/poller",
    "PollerLogGroup.Arn": "arn:aws:logs:us-east-1:123456789012:log-group:poller:*",
    "SecretPrefix": "slacktrail/",
    "Table.Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/slacktrail",
}
# False positives, each with the reason.
FALSE_POSITIVES = {
    "AllowedValues entry 'off'": "the condition HasObjectLock removes the property",
    "default '' has length 0": "the condition HasPermissionsBoundary removes the property",
    "'SecretPrefix' appears to be a password": "it is a prefix of secret names",
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"


def documents(value: object) -> list[dict]:
    """Returns the policy documents in a part of the template, at any depth.

    The linter does not support trust policies, because they have no resource. test_grants.py checks them.
    """
    if isinstance(value, dict) and "Statement" in value:
        return [value] if all("Resource" in it for it in value["Statement"]) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [document for it in inner for document in documents(it)]


def policies() -> dict[str, list[str]]:
    """Returns the policies of each resource as JSON without intrinsic functions."""
    found = {}
    for name, resource in template.resolved(KmsKeyArn=KEY)["Resources"].items():
        for document in documents(resource):
            text = json.dumps(document | {"Statement": [normalized(it) for it in document["Statement"]]})
            found.setdefault(name, []).append(re.sub(r"\$\{([\w:.]+)\}", lambda it: VALUES[it[1]], text))
    return found


class Validators(unittest.TestCase):
    def test_template_satisfies_aws_schemas(self):
        report = CompositeEngine().validate_template(TemplateContent(json.dumps(template.translated()), "template.yaml"))
        found = [it for it in report.diagnostics if it.severity in (Severity.WARN, Severity.ERROR, Severity.FATAL)]
        warnings = [f"{it.rule_id}: {it.message}" for it in found if not any(part in it.message for part in FALSE_POSITIVES)]
        self.assertEqual(warnings, [])
        for part in FALSE_POSITIVES:
            self.assertTrue([it for it in found if part in it.message], f"no warning contains {part}: remove it from FALSE_POSITIVES")

    def test_schemas_reject_wrong_property(self):
        wrong = json.loads(json.dumps(template.translated()))
        wrong["Resources"]["Table"]["Properties"]["BillingMode"] = "FREE"
        report = CompositeEngine().validate_template(TemplateContent(json.dumps(wrong), "template.yaml"))
        self.assertTrue([it for it in report.diagnostics if "BillingMode" in it.message or "FREE" in it.message])

    def test_policy_linter_finds_nothing(self):
        self.assertEqual(len(policies()), 4, "both roles, the bucket and the queue")
        for name, texts in policies().items():
            for text in texts:
                with self.subTest(name):
                    self.assertEqual([str(it) for it in parliament.analyze_policy_string(text).findings], [])

    def test_policy_linter_rejects_unknown_action(self):
        text = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObjekt", "Resource": "*"}]}'
        self.assertTrue(parliament.analyze_policy_string(text).findings)


if __name__ == "__main__":
    unittest.main()
