"""Creates a part of the stack in an account of ministack, which checks permissions, and prints the result as JSON.

deploy_with_permissions.py ENDPOINT [SID ...]

Each SID is a statement that the script removes from the roles' policies.
"""

import json
import sys
import time

import template
from deploy import STACK, Account

# Resources that ministack cannot create, by type or name, each with the reason.
LEFT_OUT = {
    "AWS::Athena::NamedQuery": "ministack does not know the type",
    "LagAlarm": "ministack does not know metric math",
    "LogBucketPolicy": "ministack does not know `s3:if-none-match` and would deny every upload; loopback uses plain HTTP",
}


class AccountWithPermissions(Account):
    """An account that denies calls that the caller's role does not allow."""

    def deploy(self, without: list[str]) -> None:
        self.upload_code()
        made = template.translated()
        made["Resources"] = {
            name: resource
            for name, resource in made["Resources"].items()
            if name not in LEFT_OUT and resource["Type"] not in LEFT_OUT
        }
        remove_statements(made, without)
        # The template exceeds the size limit of a call.
        self.client("s3").put_object(Bucket=template.CODE_BUCKET, Key="template.json", Body=json.dumps(made).encode())
        cloudformation = self.client("cloudformation")
        url = f"{self.endpoint}/{template.CODE_BUCKET}/template.json"
        cloudformation.create_stack(StackName=STACK, TemplateURL=url, Capabilities=["CAPABILITY_IAM"])
        while (status := cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]) == "CREATE_IN_PROGRESS":
            time.sleep(0.1)
        if status != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in reversed(events)]
            raise SystemExit("\n".join([status, *reasons]))

    def function(self, name: str) -> dict:
        """Returns a function's configuration, including credentials of its role."""
        role = self.client("lambda").get_function_configuration(FunctionName=name)["Role"]
        keys = self.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        credentials = {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }
        return super().function(name) | {"credentials": credentials}


def remove_statements(made: dict, without: list[str]) -> None:
    """Removes the statements with these SIDs from the roles' policies."""
    left = set(without)
    for role in template.of_type(made, "AWS::IAM::Role").values():
        for policy in role["Policies"]:
            if "PolicyDocument" not in policy:
                continue  # a conditional policy, which the default parameters exclude
            document = policy["PolicyDocument"]
            left -= {statement["Sid"] for statement in document["Statement"]}
            document["Statement"] = [statement for statement in document["Statement"] if statement["Sid"] not in without]
    if left:
        raise SystemExit(f"error: no role has the statement {', '.join(sorted(left))}")


if __name__ == "__main__":
    account = AccountWithPermissions(sys.argv[1])
    account.deploy(sys.argv[2:])
    account.print_result()
