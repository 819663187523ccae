"""Every contract of .importlinter bites: each test plants one violation in a copy of the package."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of what lint-imports reads."""
    root = tmp_path_factory.mktemp("imports")
    only_python = shutil.ignore_patterns("__pycache__", "*.j2", "*.yaml")
    shutil.copytree(TOP / "svcfabric", root / "svcfabric", ignore=only_python)
    shutil.copytree(TOP / "scripts", root / "scripts", ignore=only_python)
    shutil.copy(TOP / ".importlinter", root)
    return root


def lint(root: pathlib.Path, contract: str | None = None) -> tuple[int, str]:
    """Exit code and output, the latter without line breaks in sentences."""
    program = [pathlib.Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    chosen = ["--contract", contract] if contract else []
    done = subprocess.run([*program, *chosen], cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_package_keeps_all_contracts() -> None:
    code, output = lint(TOP)
    assert code == 0, output


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [
        ("layers", "errors", "svcfabric.spi.spec"),
        ("layers", "conf", "svcfabric.errors"),
        ("layers", "spi/planted", "svcfabric.db"),
        ("layers", "db/planted", "svcfabric.api.resource"),
        ("layers", "rpc/planted", "svcfabric.fabric.models"),
        ("layers", "fabric/planted", "svcfabric.core_l2l3"),
        ("layers", "insertion/planted", "svcfabric.services.lbaas"),
        ("layers", "services/planted", "svcfabric.agent"),
        ("layers", "services/planted", "svcfabric.cmd.wiring"),
        ("layers", "utils/__init__", "svcfabric.errors"),  # a package nobody placed
        ("agent-side", "agent/planted", "svcfabric.fabric.models"),
        ("agent-side", "agent/planted", "sqlalchemy"),
        ("agent-side", "drivers/linux/planted", "svcfabric.db.base"),
        ("agent-side", "drivers/haproxy/planted", "falcon"),
        ("server-side", "api/planted", "pyroute2"),
        ("server-side", "fabric/planted", "svcfabric.drivers.linux"),
        ("server-side", "services/lbaas/planted", "jinja2"),
        ("server-side", "core_l2l3/planted", "subprocess"),
        ("services-and-core", "services/lbaas/planted", "svcfabric.core_l2l3"),
        ("services-and-core", "insertion/planted", "svcfabric.core_l2l3"),
        ("services", "services/other/planted", "svcfabric.services.lbaas.models"),
        ("drivers", "drivers/linux/planted", "svcfabric.drivers.haproxy"),
        ("drivers", "drivers/unheard_of", "svcfabric.drivers.linux"),
        ("features", "services/lbaas/models", "svcfabric.services.lbaas.service"),
        ("features", "services/lbaas/schemas", "svcfabric.services.lbaas.models"),
        ("falcon", "services/lbaas/service", "falcon"),
        ("falcon", "core_l2l3/planted", "falcon"),
        ("spi", "spi/planted", "rich"),
        ("spi", "context", "falcon"),
        ("spi", "errors", "svcfabric.conf"),
    ],
)
def test_a_violation_breaks_its_contract(package: pathlib.Path, contract: str, module: str, imported: str) -> None:
    path = package / "svcfabric" / f"{module}.py"
    made = [folder for folder in path.parents if not folder.exists()]
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in made:
        (folder / "__init__.py").touch()
    try:
        path.write_text(f"{before or ''}\nimport {imported}\n")
        code, output = lint(package, contract)
    finally:
        path.unlink()
        if before is not None:
            path.write_text(before)
        for folder in made:
            shutil.rmtree(folder)
    assert code == 1, output
    assert "1 broken" in output
    assert module.split("/")[0] in output
