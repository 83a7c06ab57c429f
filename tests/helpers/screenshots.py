"""python -m tests.helpers.screenshots: draw docs/images from a real sweep, the one that the README shows."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.helpers.browser import Scheme, launched, opened
from tests.helpers.pages import README, shown

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HEIGHT = {1280: 820, 390: 844}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def main() -> None:
    """Sweep, write the page, and photograph it: what one sees first, and all of it."""
    (command,) = (one.command for one in shown(README) if one.command.startswith("mlpctl sweep"))
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, launched() as browser:
        _mlpctl(folder, *command.split()[1:], "-q")
        _mlpctl(folder, "report", "--html", "page.html")
        for width, height in HEIGHT.items():
            for scheme in SCHEMES:
                with opened(browser, Path(folder) / "page.html", width=width, scheme=scheme) as one:
                    one.page.set_viewport_size({"width": width, "height": height})
                    _keep(one.page.screenshot(), f"page-{width}-{scheme}.png")
                    if width == 1280:
                        _keep(one.page.screenshot(full_page=True), f"page-{width}-{scheme}-whole.png")


def _keep(image: bytes, name: str) -> None:
    """Write an image with 256 colours: a third of the bytes, and no eye tells."""
    Image.open(BytesIO(image)).convert("RGB").quantize(256).save(IMAGES / name, optimize=True)


def _mlpctl(folder: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "mlpctl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
