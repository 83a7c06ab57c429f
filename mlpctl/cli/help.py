"""Print the help of commands as plain text in sections; typer with rich takes 60 ms and drops words in brackets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typer._click.exceptions import NoSuchOption
from typer.core import TyperCommand, TyperGroup

from mlpctl.errors import UsageError
from mlpctl.registry import ALIASES, meant, names
from mlpctl.spec import Spec

HELP_WIDTH = 100
"""Characters of a line of help at most, on a terminal that is wider."""

INSTEAD = {
    ("train", "--seeds"): "one network has one seed, --seed N; `mlpctl sweep --seeds N` trains several",
    ("train", "--axis"): "`mlpctl sweep --axis` trains several networks",
}
"""(command, option that it does not have) -> what to use instead."""


def option_name(word: str) -> str:
    """Return an option, a command or a choice as it is spelled here: case, underscores and other tools' words are not.

    Args:
        word: without the dashes that it began with.
    """
    if len(word) == 1:
        return word
    plain = word.lower().replace("_", "-")
    return meant(word, Spec.model_fields).replace("_", "-") if "-" in plain or plain in ALIASES else plain


def told(error: Any) -> str:
    """Return what was wrong with a command line, and what to type next, in one line."""
    context = getattr(error, "ctx", None)
    name = "" if context is None else str(context.info_name)
    message = str(getattr(error, "format_message", error.__str__)())
    hint = f"`{context.command_path} --help` lists what there is" if context is not None else ""
    if isinstance(error, NoSuchOption):
        close = ", ".join(sorted(error.possibilities or ()))
        instead = INSTEAD.get((name, error.option_name))
        message, hint = f"no option {error.option_name}", instead or hint
        message += f"; did you mean {close}?" if close and not instead else ""
    elif message.startswith("Got unexpected extra argument"):
        dataset = next((word for word in names("dataset") if f"({word}" in message or f" {word}" in message), "")
        hint = f"a dataset is given as --dataset {dataset}" if dataset else hint
    return f"{message[:1].lower()}{message[1:].rstrip('.')}" + (f"; {hint}" if hint else "")


WRITTEN = ("output", "plot", "curves", "html", "roofline", "graph", "boundary", "hidden", "gradient_plot")
"""Parameters of commands that name files to write; every other path is read, and so is that of a KEY=PATH or @PATH."""


def check_files(parameters: Mapping[str, Any]) -> None:
    """Check that no file is written that is also read, or written twice.

    Raises:
        UsageError: with the file.
    """
    written: list[Path] = []
    read: list[Path] = []
    for name, value in parameters.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, Path):
                (written if name in WRITTEN else read).append(item)
            elif isinstance(item, str) and name not in WRITTEN:
                read.append(Path(item.rpartition("=")[2].removeprefix("@")))
    for number, path in enumerate(written):
        others = [*written[:number], *read]
        if path != Path("-") and path.is_file() and any(other.is_file() and other.samefile(path) for other in others):
            raise UsageError(f"{path} would be written, and is also an input or another output: give another name")


ALL = "--help-all"
"""Option that lists every option of a command."""

MORE = " (more)"
"""End of the panel of options that few people need."""


class Command(TyperCommand):
    """Command whose help lists options by their `rich_help_panel`, those that most people need first.

    An option whose panel ends with MORE is listed by --help-all alone.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command, if none of the files that it writes is one that it reads."""
        check_files(ctx.params)
        return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line; --help-all prints the help with every option, and ends."""
        if ALL in args:
            ctx.meta[ALL] = True
            print(self.get_help(ctx))
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for arguments, and one for each panel of options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        left_out = 0
        for parameter in self.get_params(ctx):
            if not (record := parameter.get_help_record(ctx)):
                continue
            own = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or own
            if panel.endswith(MORE) and ALL not in ctx.meta:
                left_out += 1
            else:
                sections.setdefault(panel.removesuffix(MORE), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
        if left_out:
            formatter.write_paragraph()
            formatter.write_text(f"{left_out} more options: {ctx.command_path} {ALL}")


class CommandGroup(TyperGroup):
    """Command with commands of its own, each listed with the first paragraph of its help, whole."""

    def sections(self) -> Mapping[str, Sequence[str]]:
        """Return title -> names of commands, in the order in which they are listed."""
        return {"Commands": list(self.commands)}

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write a line or two for each command, by section."""
        for title, listed in self.sections().items():
            with formatter.section(title):
                formatter.write_dl([(name, (self.commands[name].help or "").partition("\n\n")[0]) for name in listed])
