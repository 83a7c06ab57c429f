"""The contract of imports in pyproject.toml: it names every module and package at the root of mlpctl."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_contract_names_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    package = ROOT / "mlpctl"
    there = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(contract["layers"]) == there - {"__init__", "__main__"}
