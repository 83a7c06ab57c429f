"""Draw the figures of docs/report.md from real results: `make figures`."""

import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).parent / "images"

COMMANDS = (
    "sweep --dataset digits --axis hidden_units=4,16,64 --axis lr=log:0.003:3:7 --seeds 5 --name digits -q",
    f"report results/digits --by lr --plot {IMAGES}/effect.png --curves {IMAGES}/curves.png",
    f"report results/digits --by hidden_units,lr --plot {IMAGES}/heat.png",
)


def main() -> None:
    """Run the commands in an empty folder; their figures land beside this file."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            subprocess.run(
                [sys.executable, "-m", "mlpctl", *command.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL
            )


if __name__ == "__main__":
    main()
