"""langid: which language a sentence is in, from the counts of its words; the PyTorch tutorial's sentences or a file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from mlpctl.data.base import PATH, Dataset, Options, Source, digest_of
from mlpctl.data.files import existing_file, guess_separator, sha256_of
from mlpctl.errors import DataError, UsageError, did_you_mean

SENTENCES = (
    ("me gusta comer en la cafeteria", "SPANISH"),
    ("Give it to me", "ENGLISH"),
    ("No creo que sea una buena idea", "SPANISH"),
    ("No it is not a good idea to get lost at sea", "ENGLISH"),
    ("Yo creo que si", "SPANISH"),
    ("it is lost on me", "ENGLISH"),
)
"""Of the PyTorch tutorial "Deep Learning with PyTorch" (word embeddings part); the last two are its test set."""

N_TEST = 2
TEXTS_KEPT = 10_000
"""Rows up to which the texts themselves stay in memory, to show samples of."""


class LangidOptions(Options):
    """Options of langid."""

    path: Path | None = Field(
        None, description="TSV or CSV file of texts and labels, instead of the tutorial's.", json_schema_extra={**PATH}
    )
    text_column: str = Field("text", description="Column of the texts.")
    label_column: str = Field("label", description="Column of the labels.")
    separator: str | None = Field(None, description="Between columns; found out by default.")
    vocabulary: Literal["train", "all"] = Field(
        "train", description="Words of the training part, or of all rows as the tutorial has it (26 words)."
    )
    lowercase: bool = Field(False, description="Whether case is dropped.")
    min_count: int = Field(1, ge=1, description="Rows that a word must occur in to count.")
    max_words: int | None = Field(None, ge=1, description="Keep only so many of the commonest words.")


def load(options: LangidOptions) -> Dataset:
    """Return word counts X (N, V), CSR of float32, and the languages y (N,).

    Raises:
        DataError: for a missing or damaged file, a missing column, empty texts or labels, a single label.
        UsageError: for a separator that is no single character.
    """
    if options.path is None:
        rows: Iterator[tuple[str, str]] = iter(SENTENCES)
        digest, source = digest_of(*(f"{a}\t{b}" for a, b in SENTENCES)), "the PyTorch tutorial's six sentences"
    else:
        path = existing_file(options.path.expanduser(), "the path of langid")
        rows = read_rows(path, options)
        digest, source = sha256_of(path), str(path)
    labels: dict[str, int] = {}
    codes: list[int] = []
    texts: list[str] = []

    def stream() -> Iterator[str]:
        for text, label in rows:
            codes.append(labels.setdefault(label, len(labels)))
            if len(texts) <= TEXTS_KEPT:
                texts.append(text)
            yield text

    X, words = count_words(stream(), options)
    if len(labels) < 2:
        raise DataError(f"{source} has one label only ({', '.join(labels)}): two at least are needed")
    names = sorted(labels)
    place = np.array([names.index(name) for name in labels], np.int32)
    settings = options.model_dump_json(exclude={"path", "vocabulary", "separator"})
    built_in = options.path is None
    return Dataset(
        name="langid",
        X=X,
        y=place[np.array(codes, np.int32)],
        task="classification",
        digest=digest_of("langid 1", digest, settings, options.vocabulary),
        source=source,
        features=tuple(words),
        classes=tuple(names),
        test_index=np.arange(len(codes) - N_TEST, len(codes), dtype=np.int64) if built_in else None,
        fitted_columns=np.full(len(words), options.vocabulary == "train"),
        texts=texts if len(texts) <= TEXTS_KEPT else None,
        defaults={"val_fraction": 0.0, "batch_size": 1, "epochs": 100} if built_in else {},
    )


def read_rows(path: Path, options: LangidOptions) -> Iterator[tuple[str, str]]:
    """Yield (text, label) of a file, a row at a time: millions of rows never lie in memory together.

    Raises:
        DataError: for a missing column, an empty text or label, with its line.
    """
    if options.separator is not None and len(options.separator) != 1:
        raise UsageError(f"separator of langid must be one character, got '{options.separator}'")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            first = stream.readline()
            separator = options.separator or guess_separator(first)
            stream.seek(0)
            quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
            reader = csv.reader(stream, delimiter=separator, quoting=quoting)
            header = next(reader, [])
            text, label = (_column(path, header, name) for name in (options.text_column, options.label_column))
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(text, label) or not row[text].strip() or not row[label].strip():
                    raise DataError(
                        f"{path}, line {reader.line_num}: a text and a label must be there, got {row}"[:300]
                    )
                yield row[text], row[label].strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no text file in UTF-8 with columns: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _column(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        raise DataError(
            f"{path} has no column '{name}': {did_you_mean(name, header)}; name it with --data text_column=… or "
            "label_column=…"
        )
    return header.index(name)


def count_words(texts: Iterator[str], options: LangidOptions) -> tuple[Any, list[str]]:
    """Return counts (N, V), CSR of float32, and the V words in the order in which they first occur.

    Raises:
        DataError: if no word is left.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        analyzer=_lower_words if options.lowercase else str.split,
        min_df=options.min_count,
        max_features=options.max_words,
        dtype=np.float32,
    )
    try:
        X = vectorizer.fit_transform(texts)
    except ValueError as error:  # scikit-learn's word for an empty vocabulary
        raise DataError(f"langid: no word is left to count ({error}): lower min_count") from error
    words = vectorizer.get_feature_names_out()
    first_seen = _first_seen(X)
    return X[:, first_seen].tocsr(), [str(words[k]) for k in first_seen]


def _first_seen(X: Any) -> Any:
    """Return the columns of a CSR matrix ordered by the first row that has them, ties by their place."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    first = np.full(X.shape[1], X.shape[0])
    np.minimum.at(first, X.indices, rows)
    return np.argsort(first, kind="stable")


def _lower_words(text: str) -> list[str]:
    return text.lower().split()


LANGID = Source(
    name="langid",
    help="Language of a sentence from its words: the PyTorch tutorial's six sentences, or any TSV or CSV file.",
    load=load,
    options=LangidOptions,
    task="classification",
    defaults={"model": "bow", "scaling": "none", "batch_size": 64, "epochs": 10, "lr": 0.1},
    locate=lambda options: [str(options.path)] if options.path else [],
)
