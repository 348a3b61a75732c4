"""Creates the stack of template.yaml in an account of account.py, and prints its outputs and functions as JSON.

deploy.py ENDPOINT [PARAMETER=VALUE ...]
"""

import json
import os
import sys

import boto3
import template
from botocore.config import Config

STACK = "slacktrail"
REGION = os.environ.get("EMULATED_REGION", "us-east-1")  # not `AWS_REGION`, which the developer may have set


class Account:
    """The account at an endpoint."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint

    def client(self, service: str):
        # Creating a stack is slow, and a retry would create a second stack.
        config = Config(read_timeout=300, retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, config=config, **keys)

    def deploy(self, parameters: dict[str, str]) -> None:
        """Creates the stack with these parameters. Other parameters have their defaults."""
        self.upload_code()
        self.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template.translated()),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self.require(template.resolved(**parameters)["Resources"])

    def require(self, resources: dict[str, dict]) -> None:
        """Fails if a resource is missing, because moto skips types that it does not know."""
        made = self.resources()
        missing = {resource["Type"] for name, resource in resources.items() if name not in made}
        if missing:
            raise SystemExit(
                f"error: the emulated account created no resource of {', '.join(sorted(missing))}\n"
                "hint: add the type to KINDS in checks/deploy/account.py"
            )

    def upload_code(self) -> None:
        """Uploads an object as code, as `sam deploy` does. Lambda requires it, but nothing runs it here."""
        s3 = self.client("s3")
        place = {} if REGION == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        s3.create_bucket(Bucket=template.CODE_BUCKET, **place)
        s3.put_object(Bucket=template.CODE_BUCKET, Key=template.CODE_KEY, Body=b"")

    def resources(self) -> dict[str, str]:
        """Returns the physical ID of each resource by its name in the template."""
        found = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        # moto also lists resources that a condition excludes, but without a name.
        made = (resource for resource in found if "LogicalResourceId" in resource)
        return {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in made}

    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def function(self, name: str) -> dict:
        """Returns a function's environment variables and the statements of its role."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        return {
            "name": configuration["FunctionName"],
            "environment": configuration["Environment"]["Variables"],
            "statements": self.statements(configuration["Role"].rpartition("/")[2]),
        }

    def statements(self, role: str) -> list[dict]:
        iam = self.client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policies = [iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def print_result(self) -> None:
        """Prints the outputs and the functions as JSON."""
        resources = self.resources()
        functions = {"poller": self.function(resources["Poller"]), "oauth": self.function(resources["OAuth"])}
        print(json.dumps({"outputs": self.outputs()} | functions))


if __name__ == "__main__":
    account = Account(sys.argv[1])
    account.deploy(dict(argument.split("=", 1) for argument in sys.argv[2:]))
    account.print_result()
