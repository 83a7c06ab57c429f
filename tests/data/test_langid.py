"""langid: the tutorial's sentences, files of the user, damaged files."""

import gzip
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from mlpctl.data.base import Dataset, options_of
from mlpctl.data.langid import LANGID, SENTENCES, LangidOptions, count_words
from mlpctl.errors import DataError, UsageError

# The tutorial's word_to_ix, in its order.
TUTORIAL_WORDS = (
    "me gusta comer en la cafeteria Give it to No creo que sea una buena idea is not a good get lost at Yo si on"
)


def loaded(**options: Any) -> Dataset:
    return LANGID.load(options_of(LANGID, options))


def dense(dataset: Dataset) -> Any:
    assert not isinstance(dataset.X, np.ndarray)
    return dataset.X.toarray()


def written(tmp_path: Path, text: str, name: str = "my.tsv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def test_the_tutorial() -> None:
    data = loaded(vocabulary="all")
    assert data.features == tuple(TUTORIAL_WORDS.split())
    assert len(data.features) == 26
    assert data.classes == ("SPANISH", "ENGLISH")
    assert [data.classes[k] for k in data.y] == [label for _, label in SENTENCES]
    assert data.test_index is not None
    assert data.test_index.tolist() == [4, 5]
    assert data.fitted_columns is not None
    assert not data.fitted_columns.any()
    assert data.texts == [text for text, _ in SENTENCES]
    for row, (text, _) in zip(dense(data), SENTENCES, strict=True):
        counts = Counter(text.split())
        assert row.tolist() == [counts[word] for word in data.features]
    assert data.X.dtype == np.float32
    fitted = loaded()
    assert fitted.fitted_columns is not None
    assert fitted.fitted_columns.all()
    assert fitted.digest != data.digest


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="aAbé \t'\n", max_size=12), max_size=12), st.booleans())
def test_counts_are_those_of_scikit_learn(texts: list[str], lowercase: bool) -> None:
    ours, words = count_words(iter(texts), LangidOptions(lowercase=lowercase))
    assert ours.shape == (len(texts), len(words))
    split = [(text.lower() if lowercase else text).split() for text in texts]
    assert words == list(dict.fromkeys(word for found in split for word in found))
    if words:
        theirs = CountVectorizer(analyzer=list, vocabulary=words, lowercase=False).fit_transform(split)
        assert (ours != theirs).nnz == 0
        assert ours.has_canonical_format


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", 'text\tlabel\nhello "you\ten\nbon jour\tfr\n'),
        ("a.tsv", "\ufefflabel\ttext\r\nen\thello \"you\r\nfr\tbon jour\r\n"),
        ("a.csv", 'text,label\n"hello ""you",en\n"bon jour",fr\n'),
        ("a.csv", 'id;text;label\n1;"hello ""you";en\n\n2;bon jour;fr'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_files_of_the_user(tmp_path: Path, name: str, text: str, zipped: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    data = loaded(path=str(path))
    assert data.features == ("hello", '"you', "bon", "jour")
    assert data.classes == ("en", "fr")
    assert dense(data).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]
    assert data.test_index is None
    assert data.source == str(path)


def test_options_of_counting(tmp_path: Path) -> None:
    path = written(tmp_path, "sentence\tlang\nThe the cat\ten\nthe dog\ten\nder Hund\tde\nder cat\tde\n")
    named = {"path": path, "text_column": "sentence", "label_column": "lang"}
    assert loaded(**named).features == ("The", "the", "cat", "dog", "der", "Hund")
    assert loaded(**named, lowercase="true").features == ("the", "cat", "dog", "der", "hund")
    assert loaded(**named, min_count=2).features == ("the", "cat", "der")
    assert loaded(**named, max_words=2).features == ("the", "cat")
    assert len({loaded(**named, **more).digest for more in ({}, {"min_count": 2}, {"lowercase": True})}) == 3


def test_the_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    text = "text\tlabel\na\tx\nb\ty\n"
    first, moved = (loaded(path=written(tmp_path, text, name)) for name in ("one.tsv", "two.tsv"))
    other = loaded(path=written(tmp_path, text.replace("b\t", "c\t"), "three.tsv"))
    assert first.digest == moved.digest != other.digest


def test_the_code_of_min_nan_is_a_label(tmp_path: Path) -> None:
    assert loaded(path=written(tmp_path, "text\tlabel\na\tnan\nb\tyue\n")).classes == ("nan", "yue")


def test_a_long_file_stays_sparse_and_keeps_no_texts(tmp_path: Path) -> None:
    rows = "".join(f"w{k} w{k % 7}\t{'ab'[k % 2]}\n" for k in range(12_000))
    data = loaded(path=written(tmp_path, "text\tlabel\n" + rows))
    assert data.X.shape == (12_000, 12_000)
    assert not isinstance(data.X, np.ndarray)
    assert data.X.nnz == 24_000 - 7  # w0 … w6 are twice in their own row
    assert data.texts is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("txt\tlabel\na\tx\n", "has no column 'text': did you mean 'txt'?"),
        ("text\tlabel\n", "has no rows"),
        ("text\tlabel\na\tx\nb\tx\n", "has one label only (x)"),
        ("text\tlabel\na\tx\n \ty\n", "line 3: needs a text and a label, has an empty text"),
        ("text\tlabel\na\tx\nb\t\n", "line 3: needs a text and a label, has no label"),
        ("text\tlabel\na\tx\nb\tNaN\n", "line 3: needs a text and a label, has no label ('NaN')"),
        ("text\tlabel\na\tx\nb\n", "line 3: needs a text and a label, has 1 columns where the first line has 2"),
        ('text,label\na,x\n"b,y\nc,x\n', "unexpected end of data"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        loaded(path=path)
    assert str(path) in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"text\tlabel\n\xff\xfe\tx\n")
    with pytest.raises(DataError, match="cannot be read as a text file in UTF-8"):
        loaded(path=path)
    path.write_bytes(gzip.compress(b"text\tlabel\n" + b"a b c\tx\n" * 1000)[:-9])
    with pytest.raises(DataError, match="is a damaged gzip file"):
        loaded(path=path)
    with pytest.raises(DataError, match=r"no file .*no\.tsv"):
        loaded(path=tmp_path / "no.tsv")
    with pytest.raises(DataError, match="must be a file, got the folder"):
        loaded(path=tmp_path)


def test_impossible_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no word is in 9 rows"):
        loaded(min_count=9)
    with pytest.raises(UsageError, match="must be one character"):
        loaded(path=written(tmp_path, "text\tlabel\na\tx\nb\ty\n"), separator="::")
    with pytest.raises(UsageError, match="unknown vocabulary 'al': did you mean 'all'"):
        loaded(vocabulary="al")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet="ab中 ", max_size=9), max_size=9), st.sampled_from(["1", "2", "1-3"]),
    st.sampled_from(["word", "char"]),
)  # fmt: skip
def test_ngrams_are_those_of_scikit_learn(texts: list[str], ngrams: str, unit: Literal["word", "char"]) -> None:
    low, _, high = ngrams.partition("-")
    theirs = CountVectorizer(
        lowercase=False, token_pattern=r"\S+" if unit == "word" else None, analyzer=unit,
        ngram_range=(int(low), int(high or low)), preprocessor=lambda text: " ".join(text.split()),
    )  # fmt: skip
    ours, units = count_words(iter(texts), LangidOptions(unit=unit, ngrams=ngrams))
    if not units:
        return
    counts = theirs.fit_transform(texts).toarray()
    order = [units.index(name) for name in theirs.get_feature_names_out()]
    np.testing.assert_array_equal(ours.toarray()[:, order], counts)


def test_files_as_tatoeba_sms_and_fasttext_write_them(tmp_path: Path) -> None:
    tatoeba = written(tmp_path, "1\teng\tHello, you.\n2\tdeu\tHallo, du.\n", "sentences.csv")
    data = loaded(path=tatoeba, header="none", text_column="3", label_column="2")
    assert (data.classes, data.texts) == (("eng", "deu"), ["Hello, you.", "Hallo, du."])
    spam = written(tmp_path, 'ham\tsee you\nspam\tWIN "now\n', "SMSSpamCollection")
    assert loaded(path=spam, header="none", text_column="2", label_column="1").texts == ["see you", 'WIN "now']
    fasttext = written(tmp_path, "__label__en good day\n__label__fr bonne journée\n", "train.txt")
    data = loaded(path=fasttext)
    assert (data.classes, data.texts) == (("en", "fr"), ["good day", "bonne journée"])
    with pytest.raises(DataError, match=r"line 2: needs one __label__NAME"):
        loaded(path=written(tmp_path, "__label__en good\n__label__fr __label__it bon\n", "two.txt"))


def test_a_separator_inside_a_text_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: needs a text and a label, has 3 columns where the first line has 2"):
        loaded(path=written(tmp_path, "text,label\nHello, world,en\nSalut,fr\n", "my.csv"))


def test_a_file_says_how_it_was_understood(tmp_path: Path) -> None:
    rows = "".join(f"{'你好世界' + chr(0x4E00 + n)}\t{'zh' if n % 2 else 'ja'}\n" for n in range(30))
    path = written(tmp_path, "text\tlabel\n" + rows + "a b\tZH\n")
    first, *others = loaded(path=path).notes
    assert first == "my.tsv: 31 texts of 3 labels; 32 different words"
    assert any("'zh' and 'ZH' differ by case" in note for note in others)
    assert any("--data unit=char" in note for note in others)
    assert len(loaded(path=path, unit="char", ngrams="1-2").notes) == 2
