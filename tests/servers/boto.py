"""Amazon's own client, boto3, in the environment of moto: another reader of what we write."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

from pytest_accelerate.servers import server
from pytest_accelerate.servers.environments import python_of
from pytest_accelerate.servers.moto import ACCESS_KEY_ID, SECRET_ACCESS_KEY

_CODE = """
import base64, json, sys
import boto3, botocore.config, botocore.exceptions

url, key, secret, calls = json.loads(sys.stdin.read())
config = botocore.config.Config(retries={"total_max_attempts": 1})
client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
                      aws_secret_access_key=secret, config=config)
told = []
for name, parameters in calls:
    if "Body" in parameters:
        parameters["Body"] = base64.b64decode(parameters["Body"])
    try:
        answer = getattr(client, name)(**parameters)
    except botocore.exceptions.ClientError as error:
        answer = {"error": error.response}
    if "Body" in answer:
        answer["Body"] = base64.b64encode(answer["Body"].read()).decode()
    told.append(answer)
print(json.dumps(told, default=lambda value: value.isoformat()))
"""


def boto(url: str, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What boto3 answers to its own methods' names and parameters, one after the other."""
    sent = [
        (name, {key: base64.b64encode(value).decode() if key == "Body" else value
                for key, value in parameters.items()})
        for name, parameters in calls
    ]  # fmt: skip
    done = subprocess.run(
        [str(python_of(server("moto"))), "-c", _CODE],
        input=json.dumps([url, ACCESS_KEY_ID, SECRET_ACCESS_KEY, sent]),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    for answer in answers:
        if "Body" in answer:
            answer["Body"] = base64.b64decode(answer["Body"])
    return answers
