"""The metrics of `gradcam evaluate`, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number that says how good a heatmap is.

    Attributes
    ----------
    name, title : str
        As --metrics takes it, and as tables have it.
    more_is_better : bool or None
        None where neither is.
    passes : str
        How many passes it takes for each map, in words.
    paper : str
        Authors, year and number.
    """

    name: str
    title: str
    more_is_better: bool | None
    passes: str
    paper: str


METRICS = (
    Metric("deletion", "deletion", False, "1 a step", "Petsiuk et al., 2018, arXiv 1806.07421"),
    Metric("insertion", "insertion", True, "1 a step", "Petsiuk et al., 2018, arXiv 1806.07421"),
    Metric(
        "average_drop", "average drop", False, "1", "Chattopadhay et al., 2018, arXiv 1710.11063"
    ),
    Metric("increase", "increase", True, "1", "Chattopadhay et al., 2018, arXiv 1710.11063"),
    Metric("gain", "gain", True, "1", "Zhang et al., 2024, arXiv 2301.07002"),
    Metric("road_morf", "ROAD MoRF", False, "4", "Rong et al., 2022, arXiv 2202.00449"),
    Metric("road_lerf", "ROAD LeRF", True, "4", "Rong et al., 2022, arXiv 2202.00449"),
    Metric("road", "ROAD", True, "8", "Rong et al., 2022, arXiv 2202.00449"),
    Metric("mu_fidelity", "MuFidelity", True, "129", "Bhatt et al., 2020, arXiv 2005.00631"),
    Metric("sensitivity_n", "sensitivity-n", True, "129", "Ancona et al., 2018, arXiv 1711.06104"),
    Metric("infidelity", "infidelity", False, "129", "Yeh et al., 2019, arXiv 1901.09392"),
    Metric(
        "max_sensitivity", "max-sensitivity", False, "10 maps", "Yeh et al., 2019, arXiv 1901.09392"
    ),
    Metric("sparsity", "sparsity", None, "none", "Chalasani et al., 2020, arXiv 1810.06583"),
    Metric("complexity", "complexity", None, "none", "Bhatt et al., 2020, arXiv 2005.00631"),
    Metric("coherency", "coherency", True, "1 map", "Poppi et al., 2021, arXiv 2104.10252"),
    Metric("adcc", "ADCC", True, "1, and 1 map", "Poppi et al., 2021, arXiv 2104.10252"),
    Metric("arcc", "ARCC", True, "8, and 1 map", "Domeniconi et al., 2026, arXiv 2605.14641"),
)
BY_NAME = {metric.name: metric for metric in METRICS}

DEFAULT = (
    "deletion", "insertion", "average_drop", "increase", "gain", "road", "sparsity", "arcc",
)  # fmt: skip
"""Those that are measured unless others are chosen: no random removals, no repeated maps."""
