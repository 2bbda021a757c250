"""Writing torch modules as lean ONNX files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn


def export_graph(
    module: nn.Module,
    sample: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    **more: Any,
) -> onnx.ModelProto:
    """The graph of ``module`` in evaluation, its shapes fixed to those of ``sample``."""
    program = torch.onnx.export(
        module.eval(),
        sample,
        dynamo=True,
        optimize=True,
        verbose=False,
        input_names=inputs,
        output_names=outputs,
        **more,
    )
    assert program is not None
    return program.model_proto


def export_text(
    tower: nn.Module, sample: tuple[Tensor, Tensor], path: Path, *, eight_bit: bool = True
) -> None:
    """Write a text encoder (token ids and mask to embedding) with dynamic shapes."""
    dynamic = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    model = export_graph(
        tower, sample, ["input_ids", "attention_mask"], ["sentence"],
        dynamic_shapes=(dynamic, dynamic),
    )  # fmt: skip
    # the exporter names an inner value "embedding" too
    _rename(model, {"embedding": "token_embedding", "sentence": "embedding"})
    if not eight_bit:
        save_graph(model, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx"
        save_graph(model, full)
        # seven bits: processors without VNNI add products of eight up in sixteen, and overflow
        quantize_dynamic(
            full, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
    save_graph(onnx.load(path), path)


def _rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    """Rename values of the graph, all at once."""
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for value in [*model.graph.value_info, *model.graph.output]:
        value.name = names.get(value.name, value.name)


def save_graph(model: onnx.ModelProto, path: Path) -> None:
    """Save without the exporter's remarks: they hold paths of the machine and double the size."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    del model.functions[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)
