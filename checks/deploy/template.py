"""Reads template.yaml as CloudFormation does, with the Serverless transform applied. SAM leaves the transform to AWS.

template.py FILE   writes the transformed template to FILE as JSON, for the linters
"""

import functools
import json
import logging
import re
import sys
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)  # suppresses the warning that its metrics are not collected

NO_VALUE = {"Ref": "AWS::NoValue"}
# `sam deploy` uploads the build and replaces the folder with an S3 URI like this.
CODE_BUCKET, CODE_KEY = "slacktrail-code", "functions.zip"


def written() -> dict:
    """Returns the template without any changes."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@functools.cache
def translated() -> dict:
    """Returns the transformed template, with unresolved parameters and conditions."""
    template = written()
    for function in of_type(template, "AWS::Serverless::Function").values():
        function["CodeUri"] = f"s3://{CODE_BUCKET}/{CODE_KEY}"
    return transformed(template)


def transformed(template: dict) -> dict:
    """Applies the Serverless transform to a template with uploaded code."""
    parameters = template.get("Parameters", {})
    defaults = {name: parameter["Default"] for name, parameter in parameters.items()}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    return json.loads(json.dumps(translator.translate(template, defaults)))


def resolved(**parameters: str) -> dict:
    """Returns the transformed template with these parameters. Other parameters have their defaults.

    Resolves conditions and parameters. Functions that depend on resources (`Fn::GetAtt`, `Fn::Sub`) stay.
    """
    template = translated()
    values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | parameters
    known = {"AWS::Partition": "aws"} | values
    conditions = {name: holds(condition, known) for name, condition in template["Conditions"].items()}
    resources = with_values(template["Resources"], values, conditions)
    created = {name: it for name, it in resources.items() if conditions.get(it.get("Condition"), True)}
    return template | {"Resources": created}


def holds(condition: dict, values: dict[str, str]) -> bool:
    """Returns `True` if a condition holds. Supports only the two functions that the template uses."""
    match condition:
        case {"Fn::Not": [inner]}:
            return not holds(inner, values)
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return str(values[name]) == str(value)
    raise ValueError(
        f"unsupported condition {condition}\nhint: extend `holds` in checks/deploy/template.py"
    )


def with_values(value: object, values: dict[str, str], conditions: dict[str, bool]) -> object:
    """Returns a part of the template with every `Fn::If` and every parameter resolved."""
    match value:
        case {"Fn::If": [name, then, otherwise]}:
            return with_values(then if conditions[name] else otherwise, values, conditions)
        case {"Ref": name} if name in values:
            return values[name]
        case dict():
            inner = {key: with_values(it, values, conditions) for key, it in value.items()}
            return {key: it for key, it in inner.items() if it != NO_VALUE}
        case list():
            return [it for it in (with_values(it, values, conditions) for it in value) if it != NO_VALUE]
    return value


def substituted(value: dict, values: dict[str, str]) -> str:
    """Returns the text of a resolved `Fn::Sub` with its own variables and these values."""
    match value:
        case {"Fn::Sub": [str() as text, dict() as variables]}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: (values | variables)[found[1]], text)
    raise ValueError(f"not an `Fn::Sub` with variables: {value}")


def properties(template: dict, name: str) -> dict:
    """Returns the properties of a resource."""
    return template["Resources"][name]["Properties"]


def of_type(template: dict, kind: str) -> dict[str, dict]:
    """Returns the properties of every resource of a type by name."""
    resources = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in resources if resource["Type"] == kind}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(translated(), indent=1))
