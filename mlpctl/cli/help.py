"""Print the help of commands as plain text in sections; typer with rich takes 60 ms and drops words in brackets."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

HELP_WIDTH = 100
"""Characters of a line of help at most, on a terminal that is wider."""


class Command(TyperCommand):
    """Command whose help lists options by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for arguments, and one for each panel of options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                own = "Arguments" if parameter.param_type_name == "argument" else "Options"
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or own, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class CommandGroup(TyperGroup):
    """Command with commands of its own, each listed with the first paragraph of its help, whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write a section with a line or two for each command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, (one.help or "").partition("\n\n")[0]) for name, one in self.commands.items()])
