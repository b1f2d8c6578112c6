"""The Terraform module for AWS, whose provider cannot be downloaded in a test: what its text alone shows."""

from __future__ import annotations

import re

from tests.support.terraform import MODULES

AWS = MODULES / "aws"


def variables(module: str) -> set[str]:
    return set(re.findall(r'^variable "(\w+)"', (MODULES / module / "variables.tf").read_text(), re.MULTILINE))


def test_every_provider_has_an_exact_version():
    found = [
        version
        for path in MODULES.rglob("versions.tf")
        for block in re.findall(r"required_providers \{.*\n  \}", path.read_text(), re.DOTALL)
        for version in re.findall(r'version\s*=\s*"([^"]+)"', block)
    ]
    assert found
    assert [version for version in found if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_every_variable_of_the_user_data_reaches_them():
    block = re.search(r'^module "user_data" \{\n(.*?)^\}', (AWS / "main.tf").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    passed = set(re.findall(r"^  (\w+) +=", block[1], re.MULTILINE)) - {"source"}
    assert passed == variables("cloud-init")
    assert variables("cloud-init") - variables("aws") == {"distribution"}, "the image is Debian's"


def test_every_variable_and_local_value_is_used_and_declared():
    text = "".join(path.read_text() for path in AWS.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == variables("aws")
    blocks = re.findall(r"^locals \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"\blocal\.(\w+)", text)) == set(re.findall(r"^  (\w+) +=", "".join(blocks), re.MULTILINE))


def test_every_resource_that_is_named_is_there():
    text = "".join(path.read_text() for path in AWS.glob("*.tf"))
    made = {
        (f"data.{kind}" if word == "data" else kind, name)
        for word, kind, name in re.findall(r'^(resource|data) "(\w+)" "(\w+)"', text, re.MULTILINE)
    }
    named = set(re.findall(r"(?<![\w.\"])((?:data\.)?aws_\w+)\.(\w+)", text))
    assert named <= made
    # What is not named elsewhere acts on its own.
    alone = {
        ("aws_instance", "machine"),
        ("aws_iam_role_policy", "pull"),
        ("aws_vpc_security_group_ingress_rule", "ssh"),
    }
    assert made - named == alone
