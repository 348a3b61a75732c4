"""template.yaml as CloudFormation would read it: the Serverless transform applied, which SAM leaves to AWS.

template.py FILE   writes it there as JSON, for the linters
"""

import functools
import json
import logging
import sys
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)  # it warns that nobody collects its own

NO_VALUE = {"Ref": "AWS::NoValue"}
# `sam deploy` uploads what was built and writes such an address in place of the folder.
CODE_BUCKET, CODE_KEY = "slacktrail-code", "functions.zip"


def written() -> dict:
    """The template as it is written."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@functools.cache
def translated() -> dict:
    """The template after the transform, with its parameters and conditions still open."""
    template = written()
    for function in of_type(template, "AWS::Serverless::Function").values():
        function["CodeUri"] = f"s3://{CODE_BUCKET}/{CODE_KEY}"
    return transformed(template)


def transformed(template: dict) -> dict:
    """Applies the Serverless transform to a template whose code has been uploaded."""
    parameters = template.get("Parameters", {})
    defaults = {name: parameter["Default"] for name, parameter in parameters.items()}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    return json.loads(json.dumps(translator.translate(template, defaults)))


def resolved(**parameters: str) -> dict:
    """The template after the transform as it is with these parameters, and its defaults for the others.

    Conditions are decided and parameters put in; what is known only once there are resources (`Fn::GetAtt`, `Fn::Sub`)
    stays.
    """
    template = translated()
    values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | parameters
    conditions = {name: holds(condition, values) for name, condition in template["Conditions"].items()}
    resources = decided(template["Resources"], values, conditions)
    made = {name: it for name, it in resources.items() if conditions.get(it.get("Condition"), True)}
    return template | {"Resources": made}


def holds(condition: dict, values: dict[str, str]) -> bool:
    """Whether a condition holds; it knows the two functions that the template's conditions use."""
    match condition:
        case {"Fn::Not": [inner]}:
            return not holds(inner, values)
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return str(values[name]) == str(value)
    raise ValueError(
        f"the condition {condition} is not understood; hint: teach it to `holds` in checks/deploy/template.py"
    )


def decided(value: object, values: dict[str, str], conditions: dict[str, bool]) -> object:
    """A part of the template with every `Fn::If` decided and every parameter put in."""
    match value:
        case {"Fn::If": [name, then, otherwise]}:
            return decided(then if conditions[name] else otherwise, values, conditions)
        case {"Ref": name} if name in values:
            return values[name]
        case dict():
            inner = {key: decided(it, values, conditions) for key, it in value.items()}
            return {key: it for key, it in inner.items() if it != NO_VALUE}
        case list():
            return [it for it in (decided(it, values, conditions) for it in value) if it != NO_VALUE]
    return value


def properties(template: dict, name: str) -> dict:
    """The properties of the resource of that name."""
    return template["Resources"][name]["Properties"]


def of_type(template: dict, kind: str) -> dict[str, dict]:
    """The properties of every resource of a type, by name."""
    resources = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in resources if resource["Type"] == kind}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(translated(), indent=1))
