"""Give functions a parameter for each field of Spec, in Python and on the command line."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from mlpctl.spec import Spec

P = ParamSpec("P")
T = TypeVar("T")


def annotation_of(name: str) -> str:
    """Return the type of a field as Python writes it; lists may also be text, as on the command line."""
    words = dict.fromkeys(_types(Spec.model_fields[name].annotation))
    return " | ".join([*(word for word in words if word != "None"), "None"])


def _types(annotation: object) -> Iterator[str]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _types(parts[0])
    elif origin in (Union, UnionType):
        for part in parts:
            yield from _types(part)
    elif origin is Literal:
        yield f"Literal[{', '.join(_quoted(part) for part in parts)}]"
    elif origin is tuple:
        kinds = dict.fromkeys(word for part in parts if part is not Ellipsis for word in _types(part))
        yield from (f"Sequence[{' | '.join(kinds)}]", "str")
    elif origin is dict:
        yield "Mapping[str, Any]"
    else:
        assert isinstance(annotation, type)
        yield "None" if annotation is NoneType else annotation.__name__


def _quoted(word: object) -> str:
    return f'"{word}"' if isinstance(word, str) else repr(word)


def with_fields(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function with a signature that names every field of Spec in place of **fields."""
    parameters = inspect.signature(function).parameters.values()
    own = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = inspect.Signature([*own, *field_parameters(annotation_of)])  # type: ignore[attr-defined]
    return function


def field_parameters(annotation: Callable[[str], Any]) -> list[inspect.Parameter]:
    """Return a keyword parameter, None by default, for each field of Spec, annotated by a function of its name."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(name, keyword, default=None, annotation=annotation(name)) for name in Spec.model_fields]


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were given, with arrays and numbers of NumPy and paths as Python's own."""
    return {name: plain_value(value) for name, value in fields.items() if value is not None}


def plain_value(value: Any) -> Any:
    """Return a value as an experiment file would have it: lists, numbers, text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__fspath__"):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain_value(item) for name, item in value.items()}
    return [plain_value(item) for item in value] if isinstance(value, list | tuple | range) else value
