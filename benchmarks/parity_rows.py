"""What is compared in docs/parity.md: which map with which, and what is known of the difference."""

from __future__ import annotations

from dataclasses import dataclass

GRAD_CAM, TORCH_CAM, CAPTUM = "pytorch-grad-cam", "torch-cam", "captum"
PYTORCH = "PyTorch"
"""Formulas written out on PyTorch's derivatives, where no library has the method."""
PACKAGES = {GRAD_CAM: "grad-cam", TORCH_CAM: "torchcam", CAPTUM: "captum", PYTORCH: "torch"}
SCRIPTS = {
    GRAD_CAM: "parity_torch_grad_cam.py",
    TORCH_CAM: "parity_torch_cam.py",
    CAPTUM: "parity_captum.py",
    PYTORCH: "parity_attention.py",
}
CHANCE = "Other noise; {samples} samples each."


@dataclass(frozen=True)
class Row:
    """A map of gradcam and one of a peer.

    Attributes
    ----------
    ours : str
        A method with its options, and after a comma what is changed for the comparison: a key of
        what `parity.own_maps` gives.
    peer, theirs : str
        Who, and a key of its file.
    why : str
        Why the two differ, where they do.
    differs : bool
        True where they are not the same definition, and are not held to the bar.
    open_sign : bool
        True where the peer leaves the sign of its map to chance.
    """

    ours: str
    peer: str
    theirs: str
    why: str = ""
    differs: bool = False
    open_sign: bool = False


def same(peer: str, **pairs: str) -> list[Row]:
    """Rows of one definition: by what the peer calls it, what gradcam does."""
    return [Row(ours, peer, theirs) for theirs, ours in pairs.items()]


_CENTRED = "It centres the maps first and leaves the sign open; the paper does not centre."
_BOTH_CENTRED = "Both centred."
_ALIGNED = "It upsamples masks with aligned corners."
_SCALED_FIRST = "It scales masks before it upsamples them, the paper after."
_SHARES = "It differentiates the shares of the similar classes too."

ROWS = (
    *same(
        GRAD_CAM,
        GradCAM="grad-cam",
        HiResCAM="hirescam",
        GradCAMElementWise="grad-cam-elementwise",
        XGradCAM="xgrad-cam",
        LayerCAM="layer-cam",
        AblationCAM="ablation-cam",
        ShapleyCAM="shapley-cam",
    ),
    Row(
        *("grad-cam++", GRAD_CAM, "GradCAMPlusPlus"),
        "It adds 1e-6 to what α divides by, which is as large as G² where G is a mean's.",
        differs=True,
    ),
    Row("grad-cam++, 1e-6 added", GRAD_CAM, "GradCAMPlusPlus", "Added to ours too."),
    Row("shapley-cam, probability", GRAD_CAM, "ShapleyCAM, probability"),
    Row("eigen-cam", GRAD_CAM, "EigenCAM", _CENTRED, differs=True, open_sign=True),
    Row("eigen-cam, centred", GRAD_CAM, "EigenCAM", _BOTH_CENTRED, open_sign=True),
    Row("eigen-grad-cam", GRAD_CAM, "EigenGradCAM", _CENTRED, differs=True, open_sign=True),
    Row("eigen-grad-cam, centred", GRAD_CAM, "EigenGradCAM", _BOTH_CENTRED, open_sign=True),
    Row(
        *("kpca-cam", GRAD_CAM, "KPCA_CAM"),
        "It leaves the sign open; both are cut at zero here, after the sign is chosen.",
        open_sign=True,
    ),
    Row("score-cam", GRAD_CAM, "ScoreCAM", _ALIGNED, differs=True),
    Row("score-cam", GRAD_CAM, "ScoreCAM, half-pixel centres", "Upsampled alike."),
    Row("finer-cam", GRAD_CAM, "FinerCAM", _SHARES, differs=True),
    Row("finer-cam", GRAD_CAM, "FinerCAM, constant shares", "Its shares held constant."),
    Row("finer-cam:similar=1", GRAD_CAM, "FinerCAM, one class"),
    Row(
        *("refine-cam", GRAD_CAM, "RefineCAM"),
        "It takes its Grad-CAM++, and scales each map before it is upsampled.",
        differs=True,
    ),
    *same(GRAD_CAM, GuidedBackprop="guided-backprop"),
    Row("full-grad", GRAD_CAM, "FullGrad", "Without biases here: the part of the input."),
    *same(
        TORCH_CAM,
        CAM="grad-cam",
        GradCAM="grad-cam",
        XGradCAM="xgrad-cam",
        LayerCAM="layer-cam",
    ),
    Row(
        *("grad-cam++", TORCH_CAM, "GradCAMpp"),
        "Its division by α's denominator is of a copy and has no effect: α is G².",
        differs=True,
    ),
    Row("grad-cam++, α = G²", TORCH_CAM, "GradCAMpp", "Ours without the division too."),
    Row(
        *("smooth-grad-cam++", TORCH_CAM, "SmoothGradCAMpp"),
        f"Its ReLU is of the last sample's gradient, not of the mean. {CHANCE}",
        differs=True,
    ),
    Row("score-cam", TORCH_CAM, "ScoreCAM", _SCALED_FIRST, differs=True),
    Row("ss-cam", TORCH_CAM, "SSCAM", f"{_SCALED_FIRST} {CHANCE}", differs=True),
    Row(
        *("is-cam", TORCH_CAM, "ISCAM"),
        "It adds intensities up, to 0.1, 0.3, 0.6 … 5.5 times the picture.",
        differs=True,
    ),
    Row("is-cam:steps=1", TORCH_CAM, "ISCAM, one step", _SCALED_FIRST, differs=True),
    Row(
        *("finer-cam", TORCH_CAM, "FinerCAM"),
        "It takes the plain mean of the similar classes; γ is 1 here.",
        differs=True,
    ),
    Row("finer-cam:similar=1", TORCH_CAM, "FinerCAM, one class"),
    Row(
        *("refine-cam", TORCH_CAM, "RefineCAM"),
        "It takes its Grad-CAM++, and scales each map before it is upsampled.",
        differs=True,
    ),
    Row("le-grad", TORCH_CAM, "LeGrad", "It reads the mean of all tokens.", differs=True),
    Row("le-grad", TORCH_CAM, "LeGrad, class token", "Both read the class token, as the model."),
    *same(
        CAPTUM,
        LayerGradCam="grad-cam",
        Saliency="saliency",
        InputXGradient="input-x-gradient",
        GuidedBackprop="guided-backprop",
        Occlusion="occlusion",
    ),
    Row(
        *("integrated-gradients", CAPTUM, "IntegratedGradients"),
        "It takes Gauss and Legendre's points by default.",
        differs=True,
    ),
    Row("integrated-gradients", CAPTUM, "IntegratedGradients, riemann_middle"),
    Row(
        *("guided-grad-cam", CAPTUM, "GuidedGradCam"),
        "It takes the nearest value of the map by default.",
        differs=True,
    ),
    Row("guided-grad-cam", CAPTUM, "GuidedGradCam, bilinear"),
    Row("lrp", CAPTUM, "LRP", "It takes ε in every layer by default.", differs=True),
    Row(
        "lrp",
        CAPTUM,
        "LRP, the same rules",
        "γ, ε and w² (added to it) where ours are.",
    ),
    Row(
        *("expected-gradients", CAPTUM, "GradientShap"),
        "Other draws, layered in ours; {samples} samples, its noise 0.",
        differs=True,
    ),
    *(
        Row(name, PYTORCH, name)
        for name in (
            *("attention-rollout", "generic-attention", "transformer-attribution"),
            *("le-grad", "attn-lrp"),
        )
    ),
)
