"""Write tables like those that people learn with; made up, since nothing can be downloaded in a test."""

from pathlib import Path

import numpy as np
import pandas as pd


def housing(rows: int = 3000) -> pd.DataFrame:
    """Return districts with house values in dollars, like California's."""
    rng = np.random.default_rng(1)
    income, age = rng.lognormal(1.2, 0.45, rows), rng.uniform(1, 52, rows)
    rooms, north = rng.normal(5.4, 1.2, rows).clip(1), rng.uniform(32.5, 42, rows)
    coast = rng.choice(["<1H OCEAN", "INLAND", "NEAR BAY"], rows, p=[0.45, 0.35, 0.2])
    value = 45_000 * income * (1 + 0.3 * (coast != "INLAND")) - 9000 * (north - 37) + 700 * age
    value += 8000 * (rooms - 5) + rng.normal(0, 25_000, rows)
    return pd.DataFrame(
        {
            "median_income": income.round(4), "housing_median_age": age.round(), "average_rooms": rooms.round(3),
            "latitude": north.round(2), "ocean_proximity": coast, "median_house_value": value.round(-2),
        }
    )  # fmt: skip


def cars(rows: int = 398) -> pd.DataFrame:
    """Return cars with their miles per gallon, six of them without a horsepower, like auto-mpg."""
    rng = np.random.default_rng(2)
    cylinders = rng.choice([4, 6, 8], rows, p=[0.52, 0.21, 0.27])
    displacement = cylinders * 40 - 55 + rng.normal(0, 18, rows)
    weight = 1200 + 8.1 * displacement + rng.normal(0, 220, rows)
    horsepower = 35 + 0.36 * displacement + rng.normal(0, 13, rows)
    year = rng.integers(70, 83, rows)
    mpg = 46 - 0.0065 * weight - 0.03 * horsepower + 0.75 * (year - 76) + rng.normal(0, 2.2, rows)
    table = pd.DataFrame(
        {
            "mpg": mpg.round(1), "cylinders": cylinders, "displacement": displacement.round(1),
            "horsepower": horsepower.round(1), "weight": weight.round(), "model_year": year,
            "origin": rng.choice(["usa", "europe", "japan"], rows),
        }
    )  # fmt: skip
    table.loc[rng.choice(rows, 6, replace=False), "horsepower"] = np.nan
    return table


def passengers(rows: int = 891) -> pd.DataFrame:
    """Return passengers of a ship and whether they survived, a fifth without an age, like the Titanic's."""
    rng = np.random.default_rng(3)
    sex, ticket = (
        rng.choice(["male", "female"], rows, p=[0.65, 0.35]),
        rng.choice([1, 2, 3], rows, p=[0.24, 0.21, 0.55]),
    )
    age, fare = rng.normal(30, 14, rows).clip(0.5, 80), rng.lognormal(4.6 - ticket, 0.5, rows)
    score = 2.6 * (sex == "female") - 1.1 * (ticket - 2) - 0.03 * (age - 30) - 0.9
    survived = (rng.random(rows) < 1 / (1 + np.exp(-1.6 * score))).astype(int)
    table = pd.DataFrame(
        {
            "Survived": survived, "Pclass": ticket, "Sex": sex, "Age": age.round(1), "SibSp": rng.poisson(0.5, rows),
            "Fare": fare.round(2), "Embarked": rng.choice(["S", "C", "Q"], rows, p=[0.72, 0.19, 0.09]),
        }
    )  # fmt: skip
    table.loc[rng.random(rows) < 0.2, "Age"] = np.nan
    table.loc[[61, 829], "Embarked"] = None
    return table


def adults(rows: int = 4000) -> pd.DataFrame:
    """Return people and whether they earn more than 50,000 dollars, with ? for what nobody knows, like adult."""
    rng = np.random.default_rng(4)
    age, hours = rng.integers(17, 80, rows), rng.normal(40, 11, rows).clip(1, 99).round()
    education = rng.choice(
        ["HS-grad", "Some-college", "Bachelors", "Masters", "11th"], rows, p=[0.4, 0.25, 0.2, 0.08, 0.07]
    )
    married = rng.choice(["Married", "Never-married", "Divorced"], rows, p=[0.47, 0.33, 0.2])
    gain = np.where(rng.random(rows) < 0.08, rng.lognormal(8.6, 1, rows), 0).round()
    schooling = {"11th": -1.5, "HS-grad": -0.6, "Some-college": 0.0, "Bachelors": 1.0, "Masters": 1.6}
    score = np.array([schooling[word] for word in education]) + 1.9 * (married == "Married") + 0.03 * (hours - 40)
    score += 1.5 * (gain > 5000) - 0.0012 * (age - 48) ** 2 - 1.9
    work = rng.choice(["Private", "State-gov", "Self-emp", "?"], rows, p=[0.7, 0.13, 0.11, 0.06])
    return pd.DataFrame(
        {
            "age": age, "workclass": work,
            "education": education, "marital-status": married, "capital-gain": gain.astype(int),
            "hours-per-week": hours.astype(int),
            "income": np.where(rng.random(rows) < 1 / (1 + np.exp(-1.8 * score)), ">50K", "<=50K"),
        }
    )  # fmt: skip


TABLES = {"housing": housing, "cars": cars, "passengers": passengers, "adults": adults}
TARGETS = {"housing": "median_house_value", "cars": "mpg", "passengers": "Survived", "adults": "income"}


def write(name: str, folder: Path, form: str = "csv") -> Path:
    """Write a table in a format, by its suffix, and return its path."""
    path, table = folder / f"{name}.{form}", TABLES[name]()
    match form:
        case "parquet":
            table.to_parquet(path)
        case "feather":
            table.to_feather(path)
        case "jsonl":
            table.to_json(path, orient="records", lines=True)
        case "xlsx":
            table.to_excel(path, index=False)
        case "german.csv":
            table.to_csv(path, index=False, sep=";", decimal=",")
        case "data":
            table.to_csv(path, index=False, sep=" ", na_rep="?")
        case _:
            table.to_csv(path, index=False)
    return path
