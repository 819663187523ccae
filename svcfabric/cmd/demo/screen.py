"""What the user sees: each step while it goes on, a line when it is done, a table at the end."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from svcfabric.cmd.demo.ledger import Ledger


@dataclasses.dataclass
class Step:
    """One step and what came of it. ``ledger``: the requests it counts. ``wrong``: expectations that do not hold."""

    name: str
    began: float
    seconds: float = 0.0
    said: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    ledger: Ledger = dataclasses.field(default_factory=Ledger)

    def say(self, text: str) -> None:
        """What happened, for the reader."""
        self.said.append(text)

    def expect(self, holds: bool, otherwise: str) -> None:
        """What must be so; the demo goes on, and fails in the end."""
        if not holds:
            self.wrong.append(otherwise)


class Screen:
    """``live``: requests under way, shown beside the running step."""

    def __init__(self) -> None:
        self._interrupted = False
        self.console = Console()
        if not self.console.is_terminal:
            self.console.width = 120  # a log, not a window
        self.steps: list[Step] = []
        self.live: Callable[[], str] = lambda: ""

    def interrupt(self, *_signal: object) -> None:
        """A signal handler: no further step. Python drops what a handler raises inside a finalizer, so it is kept."""
        self._interrupted = True
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step; what goes wrong inside is written into it and raised."""
        step = Step(name, time.monotonic())
        self.steps.append(step)
        try:
            with self._spinner(name):
                yield step
            if self._interrupted:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            step.wrong.append("interrupted")
            raise
        except Exception as exc:
            step.wrong.append(f"{exc}" or type(exc).__name__)
            raise
        finally:
            self._interrupted = False
            self.live = lambda: ""
            step.seconds = time.monotonic() - step.began
            self._line(step)

    def table(self, title: str) -> None:
        """Every step with its time and its requests."""
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column("step")
        for column in ("time", "sent", "ok", "failed"):
            table.add_column(column, justify="right")
        table.add_column("what happened", overflow="fold")
        for step in self.steps:
            ledger = step.ledger
            counts = [f"{n:,}" for n in (ledger.sent, ledger.ok, ledger.failed)] if ledger.sent else ["", "", ""]
            happened = [escape(text) for text in step.said] + [f"[red]{escape(text)}[/]" for text in step.wrong]
            mark = "[red]✗[/]" if step.wrong else "[green]✓[/]"
            table.add_row(f"{mark} {step.name}", shown(step.seconds), *counts, "\n".join(happened))
        self.console.print(table)

    @contextlib.contextmanager
    def _spinner(self, name: str) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        spinner = Spinner("dots")

        def now() -> Spinner:
            spinner.update(text=f"{name}  [dim]{escape(self.live())}[/]")
            return spinner

        with Live(get_renderable=now, console=self.console, refresh_per_second=10, transient=True):
            yield

    def _line(self, step: Step) -> None:
        mark = "[red]✗[/]" if step.wrong else "[green]✓[/]"
        text = "; ".join([*map(escape, step.said), *(f"[red]{escape(wrong)}[/]" for wrong in step.wrong)])
        line = f"{mark} [bold]{step.name}[/] [dim]{shown(step.seconds)}[/]  {text}"
        self.console.print(line, highlight=False, soft_wrap=True)


def shown(seconds: float) -> str:
    """A duration for people."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
