"""Load langid: sentences as counts of words or characters, and their languages; the PyTorch tutorial's or a file's."""

import csv
import io
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from mlpctl.data.base import IS_PATH, Beside, Dataset, Options, Source, digest_of
from mlpctl.data.files import existing_file, guess_separator, gunzipped, sha256_of
from mlpctl.errors import DataError, UsageError, did_you_mean
from mlpctl.system.parsing import parsing, short_lines

SENTENCES = (
    ("me gusta comer en la cafeteria", "SPANISH"),
    ("Give it to me", "ENGLISH"),
    ("No creo que sea una buena idea", "SPANISH"),
    ("No it is not a good idea to get lost at sea", "ENGLISH"),
    ("Yo creo que si", "SPANISH"),
    ("it is lost on me", "ENGLISH"),
)
"""Sentences of the tutorial "Deep Learning with PyTorch" (word embeddings part); the last two are its test set."""

N_TEST = 2
TEXTS_KEPT = 10_000
"""Rows up to which the texts themselves stay in memory, to show samples of."""

MANY = 10
"""Different words from which a file of single words looks wrong."""

FASTTEXT = "__label__"
"""Beginning of the lines of fastText's files, before the label."""

LONGEST_TEXT = 1 << 24
"""Characters of a cell; more is an unclosed quotation mark that swallows the rest of the file."""


class LangidOptions(Options):
    """Options of langid."""

    path: Path | None = Field(
        None,
        description="TSV, CSV or fastText file (.gz or not) of texts and labels, instead of the tutorial's.",
        json_schema_extra={**IS_PATH},
    )
    test_path: Path | None = Field(
        None,
        description="Second file with the texts of the test part, written as the first.",
        json_schema_extra={**IS_PATH},
    )
    text_column: str = Field("text", description="Column of the texts.")
    label_column: str = Field("label", description="Column of the labels.")
    separator: str | None = Field(None, description="Between columns; found out by default.")
    header: Literal["first", "none"] = Field(
        "first", description="first: the first line names the columns. none: they are called 1, 2, and so on."
    )
    unit: Literal["word", "char"] = Field("word", description="What is counted: words, or characters.")
    ngrams: str = Field(
        "1",
        pattern=r"^[1-9](-[1-9])?$",
        description="How many in a row are counted together: 2, or 1-3 for one to three.",
    )
    vocabulary: Literal["train", "all"] = Field(
        "train", description="Words of the training part, or of all rows as the tutorial has it (26 words)."
    )
    lowercase: bool = Field(False, description="Whether case is dropped.")
    min_count: int = Field(1, ge=1, description="Rows that a word must occur in to count.")
    max_words: int | None = Field(None, ge=1, description="Keep only so many of the commonest words.")


def load(options: LangidOptions) -> Dataset:
    """Return word counts X (N, V), CSR of float32, and the languages y (N,); words and labels in order of appearance.

    Raises:
        DataError: for a missing or damaged file, a missing column, empty texts or labels, a single label.
        UsageError: for a separator that is no single character.
    """
    n_test = N_TEST if options.path is None else 0
    if options.path is None:
        if options.test_path is not None:
            raise UsageError("test_path of langid stands beside path: give both, or neither")
        rows: Iterator[tuple[str, str]] = iter(SENTENCES)
        digest, source = digest_of(*(f"{a}\t{b}" for a, b in SENTENCES)), "the PyTorch tutorial's six sentences"
    else:
        path = existing_file(options.path.expanduser(), "the path of langid")
        rows = read_texts(path, options)
        digest, source = sha256_of(path), str(path)
        if options.test_path is not None:
            beside = existing_file(options.test_path.expanduser(), "the test_path of langid")
            tests = list(read_texts(beside, options))
            n_test = len(tests)
            rows, digest, source = chain(rows, tests), digest_of(digest, sha256_of(beside)), f"{path} and {beside}"
    labels: dict[str, int] = {}
    codes = array("i")
    texts: list[str] = []

    def stream() -> Iterator[str]:
        for text, label in rows:
            codes.append(labels.setdefault(label, len(labels)))
            if len(texts) <= TEXTS_KEPT:
                texts.append(text)
            yield text

    X, words = count_words(stream(), options)
    if len(labels) < 2:
        found = f"one label only ({next(iter(labels))})" if labels else "no rows"
        raise DataError(f"{source} has {found}: texts of two labels at least are needed")
    X, words = commonest(X, words, options.min_count, options.max_words)
    fields = LangidOptions.model_fields
    later = {name for name in ("header", "unit", "ngrams") if getattr(options, name) == fields[name].default}
    settings = options.model_dump_json(exclude={"path", "test_path", "vocabulary", "separator"} | later)
    built_in = options.path is None
    return Dataset(
        name="langid",
        X=X,
        y=np.array(codes, np.int32),
        task="classification",
        digest=digest_of("langid 2", digest, settings, options.vocabulary),
        source=source,
        features=tuple(words),
        classes=tuple(labels),
        test_index=np.arange(len(codes) - n_test, len(codes), dtype=np.int64) if n_test else None,
        fitted_columns=np.full(len(words), options.vocabulary == "train"),
        texts=texts if len(texts) <= TEXTS_KEPT else None,
        read_new=lambda new, _: (_new_counts(new, words, options), []),
        read_beside=lambda new, _: _beside(new, tuple(labels), options),
        defaults={"val_fraction": 0.0, "batch_size": 1, "epochs": 100} if built_in else {},
        notes=()
        if built_in
        else (f"{path.name}: {_told(X, labels, options)}", *_suspicions(path.name, X, labels, options)),
    )


def _told(X: Any, labels: Mapping[str, int], options: LangidOptions) -> str:
    """Return in words how a file was understood."""
    counted = {"word": "words", "char": "characters"}[options.unit]
    if options.ngrams != "1":
        counted = f"sequences of {options.ngrams.replace('-', ' to ')} {counted}"
    return f"{X.shape[0]:,} texts of {len(labels)} labels; {X.shape[1]:,} different {counted}"


def _suspicions(name: str, X: Any, labels: Mapping[str, int], options: LangidOptions) -> Iterator[str]:
    """Yield what looks wrong: labels that differ by case alone, texts of one word each."""
    spelled: dict[str, str] = {}
    for label in labels:
        other = spelled.setdefault(" ".join(label.casefold().split()), label)
        if other != label:
            yield f"{name}: the labels '{other}' and '{label}' differ by case or blanks alone, and count as two"
    if options.unit == "word" and options.ngrams == "1" and np.median(np.diff(X.indptr)) <= 1 and X.shape[1] > MANY:
        yield f"{name}: most texts are one word; for languages without blanks, or words alone: --data unit=char"


def read_texts(path: Path, options: LangidOptions, *, needs_labels: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (text, label) of a file, a row at a time: millions of rows never lie in memory together.

    Args:
        path: file.
        options: of the dataset.
        needs_labels: False for new texts: a file without the column of labels has "" in its place.

    Raises:
        DataError: for a missing column, an empty text or label, with its line.
    """
    if options.separator is not None and len(options.separator) != 1:
        raise UsageError(f"separator of langid must be one character, got '{options.separator}'")
    csv.field_size_limit(LONGEST_TEXT)
    with (
        parsing(path, "a text file in UTF-8 with columns"),
        path.open("rb") as raw,
        gunzipped(raw) as content,
        io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as stream,
    ):
        lines = short_lines(stream, LONGEST_TEXT)
        first = next(lines, "")
        if first.startswith(FASTTEXT):
            yield from _fasttext(path, chain([first], lines))
            return
        separator = options.separator or guess_separator(first)
        # A TSV has no quoting: a lone quotation mark in a sentence must not swallow the rows after it.
        quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
        reader = csv.reader(chain([first], lines), delimiter=separator, quoting=quoting, strict=True)
        header = next(reader, [])
        if options.header == "none":
            reader = csv.reader(chain([first], lines), delimiter=separator, quoting=quoting, strict=True)
            header = [str(place + 1) for place in range(len(header))]
        text = _column(path, header, options.text_column)
        has_labels = needs_labels or options.label_column in header
        label = _column(path, header, options.label_column) if has_labels else text
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                problem = f"{len(row)} columns where the first line has {len(header)}"
            elif not row[text].strip():
                problem = "an empty text"
            elif row[label].strip() in ("", "NaN"):  # not nan: that is the code of the Min Nan language
                problem = f"no label ('{row[label]}')"
            else:
                yield row[text], row[label].strip() if has_labels else ""
                continue
            raise DataError(f"{path}, line {reader.line_num}: needs a text and a label, has {problem}; mend the line")


def _fasttext(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (text, label) of a file of fastText: `__label__en the text`."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, _, text = line.strip().partition(" ")
        if not label.startswith(FASTTEXT) or FASTTEXT in text or not text.strip() or label == FASTTEXT:
            raise DataError(f"{path}, line {number}: needs one {FASTTEXT}NAME and a text behind it; mend the line")
        yield text.strip(), label.removeprefix(FASTTEXT)


def _column(path: Path, header: list[str], name: str) -> int:
    if not header:
        raise DataError(f"{path} is empty: it must begin with a line that names its columns, text and label")
    if name not in header:
        raise DataError(
            f"{path} has no column '{name}': {did_you_mean(name, header)}; name it with --data text_column=… or "
            "label_column=…, in a file without names by number with header=none"
        )
    return header.index(name)


def _new_counts(path: Path, words: Sequence[str], options: LangidOptions) -> Any:
    """Return the counts (B, V), CSR, of the words of a dataset in the texts of a new file; others count for nothing."""
    import scipy.sparse

    texts = [text for text, _ in read_texts(path, options, needs_labels=False)]
    if not texts:
        raise DataError(f"{path} needs a line that names the columns and a line per text")
    X, found = count_words(texts, options)
    place = {word: k for k, word in enumerate(words)}
    columns = np.array([place.get(word, -1) for word in found], np.int64)
    entries = X.tocoo()
    known = columns[entries.col] >= 0
    at = entries.row[known], columns[entries.col[known]]
    return scipy.sparse.csr_matrix((entries.data[known], at), shape=(len(texts), len(words)))


def _beside(path: Path, labels: Sequence[str], options: LangidOptions) -> Beside:
    """Return the labels of a new file where it has them, and its texts."""
    rows = list(read_texts(path, options, needs_labels=False))
    texts, place = {options.text_column: [text for text, _ in rows]}, {label: k for k, label in enumerate(labels)}
    if not all(label for _, label in rows):
        return Beside(columns=texts)
    unseen = next((label for _, label in rows if label not in place), None)
    if unseen is not None:
        told = f"not scored: {path} has the label '{unseen}', which training did not have"
        return Beside(columns=texts, notes=(told,))
    return Beside(np.array([place[label] for _, label in rows], np.int32), texts)


def units_of(text: str, options: LangidOptions) -> list[str]:
    """Return the words of a text that are counted, its characters, or several of them in a row."""
    text = text.lower() if options.lowercase else text
    units, join = (text.split(), " ") if options.unit == "word" else (list(" ".join(text.split())), "")
    if options.ngrams == "1":
        return units
    low, _, high = options.ngrams.partition("-")
    lengths = range(int(low), int(high or low) + 1)
    return [join.join(units[k : k + n]) for n in lengths for k in range(len(units) - n + 1)]


def count_words(texts: Iterable[str], options: LangidOptions) -> tuple[Any, list[str]]:
    """Return counts (N, V), CSR of float32, and the V words in the order in which they first occur.

    Not scikit-learn's CountVectorizer: it sorts the words, takes four times the memory, and a second to import.
    """
    import scipy.sparse

    words: dict[str, int] = {}
    columns, ends = array("i"), array("q", [0])
    for text in texts:
        found = units_of(text, options)
        columns.extend([words.setdefault(word, len(words)) for word in found])
        ends.append(len(columns))
    entries = (np.ones(len(columns), np.float32), np.array(columns, np.int32), np.array(ends, np.int64))
    X = scipy.sparse.csr_matrix(entries, shape=(len(ends) - 1, len(words)))
    X.sum_duplicates()
    return X, list(words)


def commonest(X: Any, words: list[str], min_count: int, max_words: int | None) -> tuple[Any, list[str]]:
    """Return the columns of the words in `min_count` rows at least, `max_words` of them at most, in their order.

    Raises:
        DataError: if no word is left.
    """
    rows = np.bincount(X.indices, minlength=len(words))
    kept = np.flatnonzero(rows >= min_count)
    if not len(kept):
        raise DataError(f"langid: no word is in {min_count} rows, the commonest is in {rows.max()}: lower min_count")
    if max_words is not None:
        kept = np.sort(kept[np.argsort(-rows[kept], kind="stable")[:max_words]])
    if len(kept) == len(words):
        return X, words
    return X[:, kept], [words[k] for k in kept]


LANGID = Source(
    name="langid",
    help="Language of a sentence from its words: the PyTorch tutorial's six sentences, or any TSV or CSV file.",
    load=load,
    options=LangidOptions,
    task="classification",
    defaults={"model": "bow", "scaling": "none", "batch_size": 64, "epochs": 10, "lr": 0.1},
    locate=lambda options: [str(options.path)] if options.path else [],
)
