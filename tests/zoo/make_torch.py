"""Make the ONNX files of this folder and their references, from seeded PyTorch networks.

Run by hand, in an environment of its own; neither the package nor its tests need PyTorch:

    python -m venv zoo-env
    zoo-env/bin/pip install torch==2.13.0 numpy onnx onnxruntime onnxscript onnxconverter-common \
        openvino==2026.4.1
    zoo-env/bin/python tests/zoo/make_torch.py        # all, or those that are named

It writes `NAME.onnx`, `references/NAME.npz` and the rows of `zoo.json`.
"""

from __future__ import annotations

import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from references import (  # noqa: E402
    Computed,
    all_values,
    facts_of,
    read_table,
    write_reference,
    write_table,
)
from torch_models import SPECS, Graph, Spec, half, half_inside  # noqa: E402
from torch_networks import Around, Network, WithHead, draw_weights  # noqa: E402


def image(spec: Spec, seed: int) -> torch.Tensor:
    """A batch for `spec`: two waves, a bright patch and noise, in steps of 1/64 within -2..2."""
    n, *rest = spec.input
    (c, h, w) = rest if rest[-1] != 3 else (rest[2], rest[0], rest[1])
    random = np.random.default_rng(seed)
    down, right = np.mgrid[0:h, 0:w] / max(h, w)
    phases = random.uniform(0, 6, (n, c, 1, 1))
    picture = np.sin(9 * down + phases) + np.cos(7 * right * (1 + down) - phases)
    picture[..., h // 5 : h // 2, w // 2 : 3 * w // 4] += 0.8
    picture = np.clip(0.6 * picture + random.normal(0, 0.3, picture.shape), -2, 127 / 64)
    picture = np.round(picture * 64) / 64
    if spec.says == "takes 0..255":
        picture = picture * 64 + 128
    batch = torch.tensor(picture, dtype=torch.float32)
    return batch.permute(0, 2, 3, 1).contiguous() if rest[-1] == 3 else batch


def export(name: str, spec: Spec, network: Network, inputs: tuple[torch.Tensor, ...]) -> Path:
    """Write `NAME.onnx`, without what the exporters note about the machine."""
    path = HERE / f"{name}.onnx"
    path.unlink(missing_ok=True)
    path.with_suffix(".onnx.data").unlink(missing_ok=True)
    options = dict(spec.options)
    if spec.names is not None:
        count = len(inputs)
        options |= {"input_names": spec.names[:count], "output_names": spec.names[count:]}
    if spec.new:
        options = {"external_data": False} | options
        if spec.dynamic:
            dims = {axis: torch.export.Dim(label) for axis, label in spec.dynamic}
            options["dynamic_shapes"] = (dims,)
    elif spec.dynamic:
        assert spec.names is not None
        options["dynamic_axes"] = {spec.names[0]: dict(spec.dynamic), spec.names[1]: {0: "batch"}}
    with torch.no_grad():
        torch.onnx.export(
            network, inputs, str(path), opset_version=spec.opset, dynamo=spec.new, verbose=False,
            **options,
        )  # fmt: skip
    graph = onnx.load(path, load_external_data=False)
    strip(graph)
    onnx.save(spec.change(graph) if spec.change else graph, path)
    return path


def strip(graph: Graph) -> None:
    """Drop lines of source and paths, which the new exporter notes at every node."""
    for node in graph.graph.node:
        node.doc_string = ""
        kept = [each for each in node.metadata_props if each.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        del value.metadata_props[:]
    del graph.graph.metadata_props[:]
    for tensor in graph.graph.initializer:
        del tensor.metadata_props[:]


def computed(network: Network, batch: torch.Tensor) -> Computed:
    """What PyTorch computes, gradients by autograd."""
    kept: dict[nn.Module, torch.Tensor] = {}

    def keep(module: nn.Module, given: Any, output: torch.Tensor) -> None:
        kept[module] = output

    hooks = [module.register_forward_hook(keep) for module in network.layers]
    before_head = network.body if isinstance(network, WithHead) else network
    image = batch.clone().requires_grad_()
    scores = before_head(image)
    logits = scores[0] if isinstance(scores, tuple) else scores
    index = int(logits[0].argmax())
    activations = [kept[module] for module in network.layers]
    *gradients, by_input = torch.autograd.grad(logits[:, index].sum(), [*activations, image])
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        outputs = network(batch)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    pairs = [(a.detach().numpy(), g.numpy()) for a, g in zip(activations, gradients, strict=True)]
    given = [each.numpy() for each in outputs]
    return Computed(given, logits.detach().numpy(), index, pairs, by_input.numpy())


def inner(network: Network) -> Network:
    while isinstance(network, Around):
        network = network.body
    return network


def make(name: str, spec: Spec) -> dict[str, Any]:
    """Export one; write its reference; return its row of `zoo.json`."""
    seed = zlib.crc32(name.encode()) % 100_000 + spec.seed
    network = draw_weights(spec.network(), seed)
    whole = name == "half_input"
    if whole or spec.change is half_inside:
        half(network)
    batch = image(spec, seed)
    given: tuple[torch.Tensor, ...] = (batch.half() if whole else batch,)
    if name == "two_inputs":
        given = (*given, torch.zeros(1, 16))
    path = export(name, spec, network.half() if whole else network, given)
    facts = {
        "says": spec.says,
        "file": path.name,
        "made_by": "make_torch.py",
        "opset": spec.opset,
        "exporter": "torch.export" if spec.new else "TorchScript",
        "head": spec.head,
    }
    if spec.tolerance > 1e-4:
        facts["precise"] = False
    if spec.labels:
        facts["labels"] = list(spec.labels)
    if spec.preprocessing:
        facts["preprocessing"] = spec.preprocessing
    if spec.refusal:
        return facts | {"refusal": spec.refusal}
    network.float()
    results = computed(network, batch)
    lies = inner(network).layout, inner(network).class_tokens
    values = all_values(path, batch.numpy())
    found = write_reference(name, values, batch.numpy(), results, lies, spec.tolerance)
    layout = "NHWC" if spec.input[-1] == 3 and spec.input[1] != 3 else "NCHW"
    return facts | facts_of(batch.numpy().shape, layout, results.logits) | found


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    (HERE / "references").mkdir(exist_ok=True)
    rows = read_table()
    for name in names or SPECS:
        print(name)
        rows[name] = make(name, SPECS[name])
    write_table(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
