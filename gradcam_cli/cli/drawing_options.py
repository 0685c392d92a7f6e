"""The options that say how a heatmap is drawn, one value."""

from __future__ import annotations

import click

from gradcam_cli.cli.model_options import grouped_options
from gradcam_cli.cli.options import NumberRange, Share
from gradcam_cli.images.drawing import REGIONS, SCALES, STYLES, UPSAMPLINGS, Drawing
from gradcam_cli.images.overlay import COLORMAPS
from gradcam_cli.images.regions import HOT

drawing_options = grouped_options(
    "drawing",
    Drawing,
    click.option(
        "--style",
        type=click.Choice(STYLES, case_sensitive=False),
        default="blend",
        show_default=True,
        metavar="STYLE",
        help="blend; figure, with see-through heat, a colour bar and a caption; side-by-side, the "
        "picture and that; contour, lines of equal heat; or mask, dimmed where it is not hot.",
    ),
    click.option(
        "--alpha",
        type=Share(),
        help="The share of the colours; in a figure, where it is hottest.  [default: 0.5, and 0.7 "
        "in figure and side-by-side]",
    ),
    click.option(
        "--colormap",
        type=click.Choice(COLORMAPS, case_sensitive=False),
        metavar="NAME",
        help=f"One of OpenCV's colour maps: {', '.join(COLORMAPS)}.  [default: jet; turbo in "
        "contour, plasma in figure and side-by-side; blue-red with --signed]",
    ),
    click.option(
        "--upsample",
        type=click.Choice(UPSAMPLINGS, case_sensitive=False),
        default="linear",
        show_default=True,
        help="How a heatmap is brought to the size of the picture: linear, smoothly (cubic), or "
        "along the picture's edges (guided).",
    ),
    click.option(
        "--scale",
        type=click.Choice(SCALES, case_sensitive=False),
        default="own",
        show_default=True,
        help="What is drawn hottest: the maximum of each heatmap, or the largest of all of a "
        "picture by one method, so that a weak class looks weak.",
    ),
    click.option(
        "--clip-percentile",
        type=NumberRange(0, 100, min_open=True),
        metavar="P",
        help="Draw what is beyond this percentile of a map as the end of its scale.  [default: 99 "
        "in figure and side-by-side of maps with more than 10,000 values, else 100]",
    ),
    click.option(
        "--signed",
        is_flag=True,
        help="Show what speaks against the class as well, in colours that diverge from 0: blue "
        "below, red above.",
    ),
    click.option(
        "--boxes",
        is_flag=True,
        help="Draw the hot region with a box around it; in the JSON as COCO has them.",
    ),
    click.option(
        "--box-threshold",
        type=Share(),
        default=HOT,
        show_default=True,
        help="How hot that is, as a share of the largest heat; --style mask takes it, too.",
    ),
    click.option(
        "--box-regions",
        type=click.Choice(REGIONS, case_sensitive=False),
        default="largest",
        show_default=True,
        help="Which hot regions get a box.",
    ),
)
