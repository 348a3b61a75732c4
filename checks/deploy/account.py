"""Runs an emulated AWS account on loopback: moto, plus the CloudFormation types that moto silently skips.

The server listens on a free loopback port and prints its address.

The functions below create a resource through the API of its service. They pass the CloudFormation properties as arguments,
except where they change them. boto3 rejects unknown names and wrong types. The account creates stacks, but does not update
or delete them.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlparse

import boto3
from botocore import xform_name
from botocore.model import Shape
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.core.config import default_user_config
from moto.iam.models import Role
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from samtranslator.yaml_helper import yaml_parse
from template import transformed

Properties = dict[str, object]


@dataclass(frozen=True)
class Call:
    """Calls a service of this account in a region."""

    service: str
    region: str

    def __call__(self, operation: str, **arguments: object) -> dict:
        endpoint = f"http://127.0.0.1:{os.environ['MOTO_PORT']}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client(self.service, region_name=self.region, endpoint_url=endpoint, **keys)
        shape = client.meta.service_model.operation_model(operation).input_shape
        return getattr(client, xform_name(operation))(**typed(arguments, shape))


@dataclass(frozen=True)
class Kind:
    """A resource type. `make` takes the properties and a generated name, and returns the value of `!Ref`."""

    name: str
    service: str
    make: Callable[[Call, Properties, str], str]


def typed(value: object, shape: Shape) -> object:
    """Converts a value to the type of an API. CloudFormation also accepts numbers and booleans as strings."""
    match shape.type_name, value:
        case "structure", dict():
            return {
                key: typed(inner, shape.members[key]) if key in shape.members else inner for key, inner in value.items()
            }
        case "map", dict():
            return {key: typed(inner, shape.value) for key, inner in value.items()}
        case "list", list():
            return [typed(inner, shape.member) for inner in value]
        case "integer" | "long", str():
            return int(value)
        case "double" | "float", str():
            return float(value)
        case "boolean", "true" | "false":
            return value == "true"
        case "string", bool() | int():
            return json.dumps(value)
    return value


def bucket_policy(call: Call, properties: Properties, _name: str) -> str:
    """Creates a bucket policy without conditional denials, because moto ignores the conditions. test_bucket.py checks those."""
    document = properties["PolicyDocument"]
    kept = [statement for statement in document["Statement"] if "Condition" not in statement]
    if kept:
        call("PutBucketPolicy", Bucket=properties["Bucket"], Policy=json.dumps(document | {"Statement": kept}))
    return f"{properties['Bucket']}-policy"


def queue_policy(call: Call, properties: Properties, name: str) -> str:
    for queue in properties["Queues"]:
        call("SetQueueAttributes", QueueUrl=queue, Attributes={"Policy": json.dumps(properties["PolicyDocument"])})
    return name


def event_invoke_config(call: Call, properties: Properties, name: str) -> str:
    call("PutFunctionEventInvokeConfig", **properties)
    return name


def http_api(call: Call, properties: Properties, _name: str) -> str:
    body = properties["Body"]
    api = call("CreateApi", Name=body["info"]["title"], ProtocolType="HTTP")["ApiId"]
    call("ReimportApi", ApiId=api, Body=json.dumps(body))
    return api


def stage(call: Call, properties: Properties, _name: str) -> str:
    return call("CreateStage", **properties)["StageName"]


def alarm(call: Call, properties: Properties, name: str) -> str:
    call("PutMetricAlarm", AlarmName=name, **properties)
    return name


def database(call: Call, properties: Properties, _name: str) -> str:
    call("CreateDatabase", **properties)
    return properties["DatabaseInput"]["Name"]


def table(call: Call, properties: Properties, _name: str) -> str:
    call("CreateTable", **properties)
    return properties["TableInput"]["Name"]


def work_group(call: Call, properties: Properties, _name: str) -> str:
    arguments = {
        key: value
        for key, value in properties.items()
        if key not in ("WorkGroupConfiguration", "RecursiveDeleteOption")
    }
    call("CreateWorkGroup", Configuration=properties["WorkGroupConfiguration"], **arguments)
    return properties["Name"]


def named_query(call: Call, properties: Properties, _name: str) -> str:
    return call("CreateNamedQuery", **properties)["NamedQueryId"]


KINDS = [
    Kind("AWS::ApiGatewayV2::Api", "apigatewayv2", http_api),
    Kind("AWS::ApiGatewayV2::Stage", "apigatewayv2", stage),
    Kind("AWS::Athena::NamedQuery", "athena", named_query),
    Kind("AWS::Athena::WorkGroup", "athena", work_group),
    Kind("AWS::CloudWatch::Alarm", "cloudwatch", alarm),
    Kind("AWS::Glue::Database", "glue", database),
    Kind("AWS::Glue::Table", "glue", table),
    Kind("AWS::Lambda::EventInvokeConfig", "lambda", event_invoke_config),
    Kind("AWS::S3::BucketPolicy", "s3", bucket_policy),
    Kind("AWS::SQS::QueuePolicy", "sqs", queue_policy),
]


def resource(kind: Kind) -> type[CloudFormationModel]:
    """Returns the class that represents a resource type in moto."""

    class Resource(CloudFormationModel):
        __module__ = f"moto.{kind.service}"  # moto reads the service name from the module

        def __init__(self, physical_resource_id: str):
            self.id = physical_resource_id

        @property
        def physical_resource_id(self) -> str:
            return self.id

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return kind.name

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return False

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
            return cls(kind.make(Call(kind.service, region_name), cloudformation_json["Properties"], resource_name))

    return Resource


def without_no_value(value: object, resources: parsing.ResourceMap) -> object:
    """Removes `AWS::NoValue` from lists. moto removes it from objects, but leaves `None` in lists."""
    result = clean_json(value, resources)
    return [inner for inner in result if inner is not None] if isinstance(result, list) else result


def transformed_change_set(backend, *, template: str, **arguments):
    """Creates a change set. moto ignores the Serverless transform, so it would omit the functions and the API."""
    read = yaml_parse(template)
    if "Transform" in read:
        template = json.dumps(transformed(read))
    return create_change_set(backend, template=template, **arguments)


def execute_creation(backend, change_set_name: str, stack_name: str | None = None) -> None:
    """Executes a change set that creates a stack. moto would create the stack without outputs and tags."""
    change_set = backend.describe_change_set(change_set_name)
    if change_set.change_set_type != "CREATE":
        raise NotImplementedError("this account does not update stacks")
    del backend.stacks[change_set.stack_id]
    stack = backend.create_stack(
        name=change_set.stack_name,
        template=change_set.template,
        parameters=change_set.parameters,
        notification_arns=change_set.notification_arns,
        tags=change_set.tags,
        role_arn=change_set.role_arn,
    )
    backend.stacks[change_set.stack_id] = backend.stacks.pop(stack.stack_id)
    stack.stack_id = change_set.stack_id  # a caller that waits for the stack uses this ID
    change_set.execution_status = "EXECUTE_COMPLETE"


create_change_set, CloudFormationBackend.create_change_set = CloudFormationBackend.create_change_set, transformed_change_set
CloudFormationBackend.execute_change_set = execute_creation


def uploaded_template(response: CloudFormationResponse, url: str) -> str:
    """Returns a template from this account's S3. moto reads only AWS URLs."""
    bucket, key = urlparse(url).path.lstrip("/").split("/", 1)
    return s3_backends[response.current_account][response.partition].get_object(bucket, key).value.decode()


def put_policy(role: Role, name: str, document: object) -> None:
    """Stores a policy as JSON. moto would store the Python object from CloudFormation."""
    put_role_policy(role, name, document if isinstance(document, str) else json.dumps(document))


def function_for_architecture(resource_name: str, cloudformation_json: dict, *others: object, **named: object) -> LambdaFunction:
    """Creates a function for the architecture in the template. moto always uses x86_64."""
    function = create_function(resource_name, cloudformation_json, *others, **named)
    function.architectures = cloudformation_json["Properties"]["Architectures"]
    return function


create_function = LambdaFunction.create_from_cloudformation_json
LambdaFunction.create_from_cloudformation_json = staticmethod(function_for_architecture)
CloudFormationResponse._get_stack_from_s3_url = uploaded_template
put_role_policy, Role.put_policy = Role.put_policy, put_policy
clean_json, parsing.clean_json = parsing.clean_json, without_no_value
# moto finds these classes as subclasses of its model while this list references them.
RESOURCES = [resource(kind) for kind in KINDS]

if __name__ == "__main__":
    default_user_config["lambda"]["use_docker"] = False  # accepts invocations, but runs nothing
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    os.environ["MOTO_PORT"] = str(server.get_host_and_port()[1])  # for the account's calls to itself
    print(f" * Running on http://127.0.0.1:{os.environ['MOTO_PORT']}", flush=True)
    threading.Event().wait()
