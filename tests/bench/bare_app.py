"""The yardstick for the app: what a Textual app costs that shows a text and a table and nothing else."""

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Footer, Header, Static

ROWS = 14
COLUMNS = ("name", "shape", "min", "max", "mean")


class BareApp(App[None]):
    """A page of text beside a table; `n` writes both anew."""

    BINDINGS: ClassVar[list[BindingType]] = [("n", "next", "next"), ("q", "quit", "quit")]

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.page = Static("ready 0")
        self.rows: DataTable[str] = DataTable()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Horizontal(self.page, self.rows)
        yield Footer()

    def on_mount(self) -> None:
        for column in COLUMNS:
            self.rows.add_column(column, key=column)
        for row in range(ROWS):
            self.rows.add_row(*(f"{column} {row}" for column in COLUMNS), key=str(row))

    def action_next(self) -> None:
        self.count += 1
        self.page.update(f"ready {self.count}\n" * 30)
        for row in range(ROWS):
            for column in COLUMNS[2:]:
                self.rows.update_cell(str(row), column, f"{1.1 * self.count * row:.4f}")


if __name__ == "__main__":
    BareApp().run()
