"""Gives the Azure CLI each `az` command of the guides, in a directory of settings where nobody is logged in. It reads a
command's arguments before it asks for a login, so a wrong one is told from a right one, and nothing is ever done."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SUBSTITUTION = re.compile(r"\$\((az [^()]*)\)")
VARIABLE = re.compile(r"\$([A-Za-z_]+)")
NOT_LOGGED_IN = "Please run 'az login'"


def blocks(path):
    """What a shell runs: the examples of a page, or a script."""
    text = path.read_text()
    return FENCE.findall(text) if path.suffix == ".md" else [text]


def commands(path):
    """The `az` commands of a file, those within substitutions first."""
    for block in blocks(path):
        block = block.replace("\\\n", " ")
        yield from SUBSTITUTION.findall(block)
        for line in SUBSTITUTION.sub("value", block).splitlines():
            if line.strip().startswith("az "):
                yield line.strip()


def understood(az, command, settings):
    values = {name: "value" for name in VARIABLE.findall(command)}
    result = subprocess.run(
        ["bash", "-c", command.replace("az ", '"$AZ" ', 1)],
        env={**os.environ, **values, "AZ": az, "AZURE_CONFIG_DIR": settings, "AZURE_CORE_COLLECT_TELEMETRY": "no"},
        cwd="docs/deploy",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if NOT_LOGGED_IN not in result.stderr:
        print(f"{command}\n{result.stderr}", file=sys.stderr)
    return NOT_LOGGED_IN in result.stderr


az = os.path.abspath(sys.argv[1])
pages = [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").rglob("*.md"))]
# Logging in is the one thing that is not refused for want of a login.
scripts = [pathlib.Path("tests/azure/provision"), pathlib.Path("tests/azure/teardown")]
found = [c for path in [*pages, *scripts] for c in commands(path) if c != "az login"]
with tempfile.TemporaryDirectory() as settings:
    wrong = [c for c in found if not understood(az, c, settings)]
assert found, "the guides have commands"
print(f"{len(found) - len(wrong)} of {len(found)} commands are understood by the Azure CLI")
sys.exit(bool(wrong))
