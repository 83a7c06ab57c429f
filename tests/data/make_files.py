"""Write the files of tests/data/files: tables as people post them (`python -m tests.data.make_files`).

Each is small, and `tests/data/test_files.py` says what must become of it.
"""

import bz2
import csv
import datetime
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("files")
ROWS = 24


def column(write: Callable[[int], str], rows: int = ROWS) -> list[str]:
    """Return a column of cells."""
    return [write(n) for n in range(rows)]


def csv_bytes(columns: dict[str, Sequence[str]], separator: str = ",", encoding: str = "utf-8") -> bytes:
    """Return columns as a CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue().encode(encoding)


def german(value: float) -> str:
    """Return a number with a decimal comma and points between thousands."""
    return f"{value:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


X = column(lambda n: f"{n / 2}")
KINDS = column(lambda n: ("rose", "iris", "lily")[n % 3])
FLAGS = column(lambda n: str(n % 2))
PRICES = column(lambda n: f"{1000 + 7.25 * n:.2f}")


def with_x(name: str, cells: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return a table of a number, a column, and a target of words."""
    return {"x": X, name: cells, "target": KINDS}


TEXT_FILES: dict[str, bytes] = {
    # Numbers, however they are written.
    "plain.csv": csv_bytes(with_x("a", PRICES)),
    "decimal_comma.csv": csv_bytes(with_x("a", column(lambda n: f"{n},5")), ";"),
    "german.csv": csv_bytes(with_x("a", column(lambda n: german(1000 + n * 1.25))), ";"),
    "thousands.csv": csv_bytes(with_x("a", column(lambda n: f"{1000 + n * 1000:,}.5"))),
    "ambiguous_comma.csv": csv_bytes(with_x("a", column(lambda n: f"{1 + n % 9},234")), ";"),
    "blank_thousands.csv": csv_bytes(with_x("a", column(lambda n: f"{1 + n} 234,5")), ";"),
    "apostrophe.csv": csv_bytes(with_x("a", column(lambda n: f"{1 + n}'234.5"))),
    "dollars.csv": csv_bytes(with_x("a", column(lambda n: f"${1000 + n * 1000:,}.50"))),
    "euros.csv": csv_bytes(with_x("a", column(lambda n: f"{german(1000 + n)} €")), ";"),
    "percent.csv": csv_bytes(with_x("a", column(lambda n: f"{n / 2}%"))),
    "units.csv": csv_bytes(with_x("a", column(lambda n: f"{n / 2} kg"))),
    "units_without_blank.csv": csv_bytes(with_x("a", column(lambda n: f"{n}cm"))),
    "mixed_units.csv": csv_bytes(with_x("a", column(lambda n: f"{n} {'kg' if n % 2 else 'g'}"))),
    "exponents.csv": csv_bytes(with_x("a", column(lambda n: f"{n}e-3"))),
    "signs.csv": csv_bytes(with_x("a", column(lambda n: f"{'+' if n % 2 else '-'}{n}"))),
    "huge_integers.csv": csv_bytes(with_x("a", column(lambda n: str(2**70 + n * 2**60)))),
    "typo.csv": csv_bytes(with_x("a", [*X[:-1], "n/k"])),
    "blanks_around.csv": csv_bytes(with_x("a", column(lambda n: f"  {n} "))),
    "infinite.csv": csv_bytes(with_x("a", [*X[:-1], "inf"])),
    # Dates.
    "iso_dates.csv": csv_bytes(with_x("day", column(lambda n: f"2024-01-{n + 1:02}"))),
    "iso_times.csv": csv_bytes(with_x("time", column(lambda n: f"2024-01-01 {n:02}:30:00"))),
    "dots.csv": csv_bytes(with_x("day", column(lambda n: f"{n + 1}.2.2024"))),
    "slashes_day_first.csv": csv_bytes(with_x("day", column(lambda n: f"{n + 1}/2/2024"))),
    "slashes_month_first.csv": csv_bytes(with_x("day", column(lambda n: f"2/{n + 1}/2024"))),
    "slashes_ambiguous.csv": csv_bytes(with_x("day", column(lambda n: f"{n % 12 + 1}/{n % 11 + 1}/2024"))),
    # Categories.
    "words.csv": csv_bytes(with_x("colour", column(lambda n: ("red", "blue")[n % 2]))),
    "booleans.csv": csv_bytes(with_x("rare", column(lambda n: ("true", "False", "TRUE")[n % 3]))),
    "codes.csv": csv_bytes(with_x("zip", column(lambda n: f"0123{n % 4}"))),
    "na_is_a_word.csv": csv_bytes(with_x("country", column(lambda n: ("NA", "None", "DE")[n % 3]))),
    "names_with_equals.csv": csv_bytes(with_x("a=b", column(lambda n: ("x=1", "y")[n % 2]))),
    "a_word_per_row.csv": csv_bytes(with_x("name", column(lambda n: f"person {'abcdefghijklmnopqrstuvwxyz'[n]}"))),
    "ages.csv": csv_bytes(with_x("age", column(lambda n: ("0-9", "10-19", "20-29")[n % 3]))),
    # Missing values.
    "empty_number.csv": csv_bytes(with_x("a", [*X[:-1], ""])),
    "na_number.csv": csv_bytes(with_x("a", [*X[:-1], "NA"])),
    "question_mark.csv": csv_bytes(with_x("a", [*X[:-1], "?"])),
    "empty_word.csv": csv_bytes(with_x("colour", [*KINDS[:-1], ""])),
    # Shapes.
    "longer_row.csv": csv_bytes(with_x("a", X)).replace(b"\n1.0,1.0,lily\n", b"\n1.0,1.0,lily,9\n"),
    "shorter_row.csv": csv_bytes(with_x("a", X)).replace(b"\n1.0,1.0,lily\n", b"\n1.0,lily\n"),
    "all_rows_longer.csv": csv_bytes(with_x("a", X)).replace(b"rose\n", b"rose,9\n").replace(b"iris\n", b"iris,9\n"),
    "unnamed.csv": csv_bytes({"": column(str), **with_x("a", PRICES)}),
    "pandas_index.csv": csv_bytes({"Unnamed: 0": column(str), **with_x("a", PRICES)}),
    "row_numbers.csv": csv_bytes({"id": column(lambda n: str(n + 1)), **with_x("a", PRICES)}),
    "constant.csv": csv_bytes(with_x("a", column(lambda _: "0.1"))),
    "doubled_name.csv": b"x,x,target\n" + b"1,2,a\n2,3,b\n" * 6,
    "only_a_target.csv": csv_bytes({"target": KINDS}),
    "only_a_header.csv": b"x,target\n",
    "empty.csv": b"",
    "no_target.csv": csv_bytes({"x": X, "kind": KINDS}),
    "quotes.csv": csv_bytes(with_x("a", column(lambda n: ('say "no"', "a,b", "two\nlines")[n % 3]))),
    # Separators and encodings.
    "tabs.tsv": csv_bytes(with_x("a", PRICES), "\t"),
    "semicolons.csv": csv_bytes(with_x("a", PRICES), ";"),
    "sep_line.csv": b"sep=;\n" + csv_bytes(with_x("a", PRICES), ";"),
    "bom.csv": b"\xef\xbb\xbf" + csv_bytes(with_x("a", PRICES)),
    "utf16.csv": csv_bytes(with_x("ä", PRICES), encoding="utf-16"),
    "latin1.csv": csv_bytes(with_x("ä", PRICES), encoding="latin-1"),
    "crlf.csv": csv_bytes(with_x("a", PRICES)).replace(b"\n", b"\r\n"),
    "no_last_newline.csv": csv_bytes(with_x("a", PRICES)).rstrip(b"\n"),
    "pipes.csv": csv_bytes(with_x("a", PRICES), "|"),
    "blanks_between.data": csv_bytes(with_x("a", PRICES), " ").replace(b" ", b"    "),
    "about_lines.csv": b"# Prices of flowers, made by hand\n# two columns\n" + csv_bytes(with_x("a", PRICES)),
    "marked_header.csv": b"#" + csv_bytes(with_x("a", PRICES)),
    "comments.csv": csv_bytes(with_x("a", PRICES)).replace(b"\n1.0", b"\n% a pause\n1.0"),
    "no_header.csv": csv_bytes(with_x("a", PRICES)).partition(b"\n")[2],
    "minus_999.csv": csv_bytes(with_x("a", [*PRICES[:-1], "-999"])),
    # Targets.
    "target_floats.csv": csv_bytes({"x": X, "target": column(lambda n: f"{n % 3}.0")}),
    "target_whole.csv": csv_bytes({"x": X, "target": column(lambda n: str(n % 3))}),
    "target_prices.csv": csv_bytes({"x": X, "target": PRICES}),
    "target_german.csv": csv_bytes({"x": X, "target": column(lambda n: german(1000 + n * 1.5))}, ";"),
    "target_dollars.csv": csv_bytes({"x": X, "target": column(lambda n: f"${1000 + n * 100:,}.00")}),
    "six_houses.csv": csv_bytes({"x": X[:6], "target": column(lambda n: str(200_000 + 1000 * n), 6)}),
    "target_booleans.csv": csv_bytes({"x": X, "target": column(lambda n: ("TRUE", "false")[n % 2])}),
    "target_one_value.csv": csv_bytes({"x": X, "target": column(lambda _: "a")}),
    "target_empty.csv": csv_bytes({"x": X, "target": [*KINDS[:-1], ""]}),
    "one_hot.csv": csv_bytes(
        {"x": X, **{kind: [str(int(n % 3 == k)) for n in range(ROWS)] for k, kind in enumerate(("a", "b", "c"))}}
    ),
    "many_labels.csv": csv_bytes({"x": X, "a": FLAGS, "b": column(lambda n: str(int(n % 3 == 0)))}),
    "two_targets.csv": csv_bytes({"x": X, "a": PRICES, "b": X}),
}  # fmt: skip


ARFF = (
    "% kinds\n@relation kinds\n@attribute x numeric\n@attribute a numeric\n@attribute target {rose,iris,lily}\n@data\n"
    + "".join(f"{n / 2},{n},{KINDS[n]}\n" for n in range(ROWS))
)


def typed_files() -> dict[str, bytes]:
    """Return the files of formats with types."""
    import pandas as pd

    def parquet(**columns: object) -> bytes:
        stream = io.BytesIO()
        pd.DataFrame({"x": np.arange(ROWS) / 2, **columns, "target": KINDS}).to_parquet(stream)
        return stream.getvalue()

    def frame(suffix: str) -> bytes:
        table, stream = pd.DataFrame({"x": np.arange(ROWS) / 2, "a": np.arange(ROWS), "target": KINDS}), io.BytesIO()
        if suffix == "feather":
            table.to_feather(stream)
        elif suffix == "dta":
            table.to_stata(stream, write_index=False)
        elif suffix == "xlsx":
            table.to_excel(stream, index=False)
        elif suffix == "two.xlsx":
            with pd.ExcelWriter(stream) as book:
                table.to_excel(book, sheet_name="flowers", index=False)
                table.to_excel(book, sheet_name="more", index=False)
        else:
            table.to_json(stream, orient="records", lines=suffix == "jsonl")
        return stream.getvalue()

    def npy(array: object) -> bytes:
        stream = io.BytesIO()
        np.save(stream, array)  # type: ignore[arg-type]
        return stream.getvalue()

    def zipped(*names: str) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name in names:
                archive.writestr(name, TEXT_FILES["plain.csv"])
        return stream.getvalue()

    def npz(**arrays: object) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
        return stream.getvalue()

    rng, days = np.random.default_rng(0), [datetime.date(2024, 1, 1 + n) for n in range(ROWS)]
    return {
        "plain.parquet": parquet(a=np.arange(ROWS)),
        "decimals.parquet": parquet(a=[Decimal(n) / 4 for n in range(ROWS)]),
        "timestamps.parquet": parquet(a=pd.date_range("2024-01-01", periods=ROWS)),
        "days.parquet": parquet(a=days),
        "booleans.parquet": parquet(a=[n % 2 == 0 for n in range(ROWS)]),
        "categories.parquet": parquet(a=pd.Categorical(column(lambda n: ("red", "blue")[n % 2]))),
        "nulls.parquet": parquet(a=[None, *range(1, ROWS)]),
        "binary.parquet": parquet(a=[b"x"] * ROWS),
        "lists.parquet": parquet(a=[[1, 2]] * ROWS),
        "numbers.npz": npz(X=rng.normal(size=(ROWS, 3)), y=np.arange(ROWS) % 2),
        "images.npz": npz(X=rng.integers(0, 255, (188, 4, 5), dtype=np.uint8), y=np.arange(188, dtype=np.uint8) % 47),
        "plain.csv.gz": gzip.compress(TEXT_FILES["plain.csv"], mtime=0),
        "plain.csv.bz2": bz2.compress(TEXT_FILES["plain.csv"]),
        "plain.csv.xz": lzma.compress(TEXT_FILES["plain.csv"]),
        "plain.csv.zip": zipped("prices.csv"),
        "two_files.zip": zipped("a.csv", "b.csv"),
        "cut.csv.gz": gzip.compress(TEXT_FILES["plain.csv"], mtime=0)[:60],
        "plain.feather": frame("feather"),
        "plain.dta": frame("dta"),
        "plain.xlsx": frame("xlsx"),
        "two_sheets.xlsx": frame("two.xlsx"),
        "plain.json": frame("json"),
        "plain.jsonl": frame("jsonl"),
        "nested.jsonl": b'{"x": 1, "a": {"b": 2}, "target": "a"}\n' * ROWS,
        "plain.arff": ARFF.encode(),
        "text.arff": ARFF.replace("a numeric", "a string").encode(),
        "gaps.arff": ARFF.replace("0.0,0,rose", "0.0,?,rose").encode(),
        "plain.libsvm": "".join(f"{n % 3} 1:{n / 2} 2:{n}\n" for n in range(ROWS)).encode(),
        "a_pickle.pkl": b"cposix\nsystem\n(S'true'\ntR.",
        "data_target.npz": npz(data=rng.normal(size=(ROWS, 3)), target=np.arange(ROWS) % 2),
        "train_test.npz": npz(
            x_train=rng.normal(size=(ROWS, 3)),
            y_train=np.arange(ROWS) % 2,
            x_test=rng.normal(size=(6, 3)),
            y_test=np.arange(6) % 2,
        ),
        "inputs.npy": npy(rng.normal(size=(ROWS, 3))),
        "targets.npy": npy(np.arange(ROWS) % 2),
        "prices.npz": npz(X=rng.normal(size=(ROWS, 3)), y=rng.normal(size=ROWS)),
    }


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in (TEXT_FILES | typed_files()).items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
