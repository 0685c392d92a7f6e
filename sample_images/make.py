"""Make the sample pictures and annotations.json again.

    python sample_images/make.py [FOLDER]

Everything comes from the public-domain and CC0 photographs inside the scikit-image wheel; the
sunglasses are drawn. No randomness, no network. Without FOLDER it writes beside this file.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw
from skimage import data

QUALITY = 90
CC0, PUBLIC_DOMAIN = 1, 2
LICENSES = [
    {
        "id": CC0,
        "name": "CC0 1.0 Universal",
        "url": "https://creativecommons.org/publicdomain/zero/1.0/",
    },
    {
        "id": PUBLIC_DOMAIN,
        "name": "Public domain",
        "url": "https://creativecommons.org/publicdomain/mark/1.0/",
    },
]


class Sample(NamedTuple):
    """A part of a photograph and the object in it.

    crop and box are (x, y, width, height) in the photograph's pixels; box None means that
    the sunglasses are drawn into the crop, so that the drawing tells the box.
    """

    name: str
    class_id: int
    wnid: str
    photo: str
    license: int
    crop: tuple[int, int, int, int]
    box: tuple[int, int, int, int] | None


SAMPLES = (
    Sample(
        "sunglasses",
        837,
        "n04356056",
        "astronaut",
        PUBLIC_DOMAIN,
        (155, 40, 140, 140),
        None,
    ),
    Sample(
        "Egyptian_cat",
        285,
        "n02124075",
        "chelsea",
        CC0,
        (0, 0, 451, 300),
        (0, 0, 400, 300),
    ),
    Sample(
        "espresso",
        967,
        "n07920052",
        "coffee",
        CC0,
        (60, 0, 440, 400),
        (173, 18, 235, 290),
    ),
    Sample(
        "tripod",
        872,
        "n04485082",
        "camera",
        CC0,
        (0, 0, 512, 512),
        (228, 186, 180, 326),
    ),
    Sample(
        "space_shuttle",
        812,
        "n04266014",
        "astronaut",
        PUBLIC_DOMAIN,
        (345, 0, 140, 290),
        (354, 0, 107, 273),
    ),
)

# The sunglasses, in the pixels of the photograph of the astronaut.
SCALE = 3  # the head is enlarged
SMOOTH = 4  # and drawn on larger still, then averaged, for smooth edges
LENSES = ((202.5, 103.0), (248.0, 105.0))  # centres, over the eyes
HALF = (19.0, 14.0)  # half width and half height of a lens
TEMPLES = ((180.0, 100.0), (272.0, 103.0))  # where the arms meet the hair
DARK, GLINT = (10, 10, 12), (120, 130, 140)


def put_on_sunglasses(photo, crop):
    """Draw two dark lenses, a bridge and the arms; answer (picture, box)."""
    left, top, width, height = crop
    part = photo.crop((left, top, left + width, top + height))
    part = part.resize((width * SCALE, height * SCALE), Image.Resampling.LANCZOS)
    zoom = SCALE * SMOOTH
    frame = Image.new("L", (width * zoom, height * zoom))
    glint = frame.copy()
    half_x, half_y = HALF

    def at(x, y):
        return ((x - left) * zoom, (y - top) * zoom)

    def bar(start, end):
        ImageDraw.Draw(frame).line([at(*start), at(*end)], fill=255, width=3 * zoom)

    for x, y in LENSES:
        ImageDraw.Draw(frame).rounded_rectangle(
            [*at(x - half_x, y - half_y), *at(x + half_x, y + half_y)],
            radius=0.75 * half_y * zoom,
            fill=255,
        )
        slant = ((-0.5, -0.7), (-0.15, -0.7), (-0.45, 0.5), (-0.7, 0.3))
        ImageDraw.Draw(glint).polygon(
            [at(x + half_x * across, y + half_y * down) for across, down in slant], fill=255
        )
    (left_x, left_y), (right_x, right_y) = LENSES
    reach, rise = 0.9 * half_x, 0.5 * half_y
    bar((left_x + reach, left_y - rise), (right_x - reach, right_y - rise))
    bar((left_x - reach, left_y - rise), TEMPLES[0])
    bar((right_x + reach, right_y - rise), TEMPLES[1])
    frame, glint = frame.reduce(SMOOTH), glint.reduce(SMOOTH)
    part.paste(DARK, mask=frame)
    part.paste(GLINT, mask=glint)
    x0, y0, x1, y1 = frame.getbbox()
    return part, [x0, y0, x1 - x0, y1 - y0]


def picture(sample):
    """Answer (picture, box): box as [x, y, width, height] in the picture's pixels."""
    photo = Image.fromarray(getattr(data, sample.photo)())
    left, top, width, height = sample.crop
    if sample.box is None:
        return put_on_sunglasses(photo, sample.crop)
    x, y, box_width, box_height = sample.box
    part = photo.crop((left, top, left + width, top + height))
    return part, [x - left, y - top, box_width, box_height]


def main(folder):
    """Write every JPEG and annotations.json into `folder`."""
    images, annotations = [], []
    for number, sample in enumerate(SAMPLES, 1):
        part, box = picture(sample)
        filename = f"{sample.name.lower()}.jpg"
        part.save(folder / filename, quality=QUALITY, optimize=True)
        images.append(
            {
                "id": number,
                "file_name": filename,
                "width": part.width,
                "height": part.height,
                "license": sample.license,
            }
        )
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": sample.class_id,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
        )
    coco = {
        "info": {"description": "Sample pictures of gradcam, one ImageNet object in each"},
        "licenses": LICENSES,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": s.class_id, "name": s.name, "wnid": s.wnid} for s in SAMPLES],
    }
    (folder / "annotations.json").write_text(json.dumps(coco, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
