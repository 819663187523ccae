"""What the documents name is there."""

from __future__ import annotations

import pathlib
import re

import pytest

from svcfabric import conf
from svcfabric.cmd import main

TOP = pathlib.Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(TOP)))
def page(request) -> pathlib.Path:
    return request.param


def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_files_are_there(page: pathlib.Path) -> None:
    for name in re.findall(r"`([\w./-]+\.(?:py|yaml|sh|toml))`", page.read_text()):
        if "/" in name and not name.startswith("/"):
            assert any((TOP / base / name).exists() for base in ("", "svcfabric")), name


def test_make_targets_and_commands_exist(page: pathlib.Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.M))
    text = page.read_text()
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.M)) <= targets
    assert set(re.findall(r"(?:^ {4}|`)svcfabric ([a-z-]+)", text, re.M)) <= set(main.COMMANDS)


def test_options_exist(page: pathlib.Path) -> None:
    for group, name in re.findall(r"`\[(\w+)\] (\w+)", page.read_text()):
        assert name in {opt.dest for opt in conf.SECTIONS[group]}, f"[{group}] {name}"


def test_every_section_is_described() -> None:
    text = (TOP / "docs/operator/configuration.md").read_text()
    assert {f"`{group}`" for group in conf.SECTIONS} <= set(re.findall(r"^\| (`\w+`)", text, re.M))
