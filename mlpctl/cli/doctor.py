"""mlpctl doctor."""

from mlpctl.cli import options as o


def doctor(format_: o.FormatOption = "table", output: o.OutputFile = None) -> None:
    """Tell what is installed, what this machine has, where data come from, and how to get what is missing."""
    from mlpctl.doctor import check, examine
    from mlpctl.render import emit

    table = examine()
    emit(table, format_, output)
    check(table)
