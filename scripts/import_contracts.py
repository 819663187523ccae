"""A kind of import-linter contract that import-linter does not have."""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnly(Contract):
    """``modules`` and what is below them import each other and the standard library, nothing else."""

    modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every direct import of another package is a violation."""
        inside = {found for module in self.modules for found in (module, *graph.find_descendants(module))}
        allowed = inside | sys.stdlib_module_names
        found = sorted(
            f"{module} -> {imported}"
            for module in inside
            for imported in graph.find_modules_directly_imported_by(module)
            if imported not in allowed and imported.split(".")[0] not in sys.stdlib_module_names
        )
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import that should not be."""
        for line in check.metadata["found"]:
            output.print_error(line, bold=False)
