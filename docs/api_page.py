"""docs/api.md, from the docstrings of what `import mlpctl` offers."""

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import mlpctl
from mlpctl.errors import MlpctlError

INTRODUCTION = """
# mlpctl in Python

Reference: the commands as functions, for notebooks and scripts. `import mlpctl` imports nothing else; the first call
does. Results are the same folders of CSV files that the commands write, so either goes on where the other stopped.
Nothing is printed: what comes out shows itself, as a table in a notebook and as text elsewhere. Errors are
`mlpctl.MlpctlError`, with the message that the command line prints. [notebook.ipynb](notebook.ipynb) is a session.

```python
import mlpctl

results = mlpctl.sweep(dataset="iris", axes={"lr": [0.01, 0.1, 1]}, seeds=3, epochs=10)
results.best["lr"], results.verdict
results.trials.groupby("lr")["val_accuracy"].mean()
results.plot(by="lr")
```
"""

SECTIONS = ("Args:", "Raises:", "Attributes:")


def page(notice: str) -> str:
    """Return the page: functions, classes with their members, errors with their exit codes."""
    names = [name for name in mlpctl.__all__ if not name.startswith("_")]
    things = {name: getattr(mlpctl, name) for name in names}
    errors = {name: thing for name, thing in things.items() if _is_error(thing)}
    text = notice + INTRODUCTION
    for name, thing in things.items():
        if name not in errors:
            text += f"\n## mlpctl.{name}{_signature(thing)}\n\n{_text(thing)}"
            text += "".join(_members(thing)) if inspect.isclass(thing) else ""
    text += "\n## Errors\n\n"
    for name, error in errors.items():
        text += f"- `mlpctl.{name}` (exit code {error.exit_code}): {inspect.getdoc(error)}\n"
    return text


def _is_error(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, MlpctlError)


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            yield f"\n**`.{name}`** {_text(member)}"
        elif inspect.isfunction(member):
            yield f"\n**`.{name}{_signature(member)}`** {_text(member)}"


def _signature(thing: Any) -> str:
    """Return the parameters by name, with their defaults; the fields of Spec are a page of their own."""
    if inspect.isclass(thing):
        return ""
    plain = inspect.signature(inspect.unwrap(thing)).parameters.values()
    code = thing.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    told = [_parameter(p) for p in plain if p.name in own and p.name != "self"]
    told += [f"*{p.name}" for p in plain if p.kind is inspect.Parameter.VAR_POSITIONAL]
    return f"({', '.join([*told, *(['**fields'] if code.co_flags & inspect.CO_VARKEYWORDS else [])])})"


def _parameter(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default!r}"


def _text(thing: Any) -> str:
    """Return a docstring as Markdown: its sections as lists, what is indented as code."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    text, section = "", ""
    for line in lines:
        if line in SECTIONS:
            section = line
            text += f"{line.removesuffix(':')}:\n\n"
        elif section and line.startswith("    "):
            name, colon, what = line.strip().partition(": ")
            is_new = colon and not line.startswith("     ")
            text += f"- `{name}`: {what}\n" if is_new else f"  {line.strip()}\n"
        else:
            section = "" if line and not line.startswith(" ") else section
            text += f"{line}\n"
    return text
