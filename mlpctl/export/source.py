"""Take the text of mlpctl's own functions into a program, so that their arithmetic is written once."""

import ast
import inspect
from collections.abc import Callable
from typing import Any


def source_of(*functions: Callable[..., Any]) -> str:
    """Return the text of some functions, without type annotations and with the first line of each docstring."""
    return "\n\n".join(_plain(inspect.getsource(function)) for function in functions)


def _plain(text: str) -> str:
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    for argument in (*function.args.args, *function.args.kwonlyargs):
        argument.annotation = None
    head = f"def {function.name}({ast.unparse(function.args)}):"
    docstring = f'    """{(ast.get_docstring(function) or "").partition(chr(10))[0]}"""'
    return "\n".join([head, docstring, *text.splitlines()[function.body[0].end_lineno :], ""])
