"""Reference pictures of the sample invoices.

`python -m tests.typesetting.pictures` renews them. Look at each that changed, then commit it.
"""

from pathlib import Path

from PIL import ImageChops, ImageFilter

from tests.typesetting.sample_invoices import NAMES, picture, sample

FOLDER = Path(__file__).parents[1] / "pictures"
BLOCK = 8  # pixels
TOLERATED = 10  # of 255, in the mean of a block


def pages_of(pdf):
    """The first page, one in the middle and the last: those that differ."""
    return sorted({0, len(pdf) // 2, len(pdf) - 1})


def difference(one, other):
    """The largest of any block of the page, as an eye sees it that is not too close."""
    assert one.size == other.size
    seen = [image.convert("L").filter(ImageFilter.GaussianBlur(1)).reduce(BLOCK) for image in (one, other)]
    return ImageChops.difference(*seen).getextrema()[1]


def path_of(name, index):
    return FOLDER / f"{name}-{index + 1}.png"


def renew():
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name in NAMES:
        for index in pages_of(sample(name)):
            grays = picture(sample(name)[index]).quantize(16)
            grays.save(path_of(name, index), optimize=True)
            print(path_of(name, index).relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    renew()
