"""A causal student as OpenVINO's graphs: one that scores choices in one pass, one that decodes."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache

from teachback.errors import MissingExtraError, UsageError
from teachback.export.config import WeightType
from teachback.export.openvino_files import (
    DECODER,
    DECODER_INPUTS,
    DECODER_OUTPUTS,
    ROWS,
    SCORER,
    SCORER_INPUTS,
    SCORER_OUTPUT,
    TOKENIZER,
    Description,
)
from teachback.students.causal import CausalStudent
from teachback.students.model import logits_only_at
from teachback.students.rows import Branch, Row, causal_arrays
from teachback.system.telemetry import no_telemetry


def require_openvino(student: CausalStudent, weights: WeightType) -> None:
    """Raises MissingExtraError where what writes an export with these weights is not installed,
    UsageError where the student cannot read a question once for several choices."""
    problem = student.sharing_problem()
    if problem is not None:
        raise UsageError(f"{problem}, so it cannot be exported to OpenVINO: export --to merged")
    needed = ("openvino", "nncf") if weights == "int8" else ("openvino",)
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "openvino", "an OpenVINO export")


def write_openvino(student: CausalStudent, folder: Path, weights: WeightType) -> None:
    """Write ``student``, whose adapter was merged in float32, with weights of this type."""
    student.model.eval()
    student.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    with no_telemetry(), torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: what depends on a length is masked here
        _write(_scorer(student), folder / f"{SCORER}.xml", weights)
        _write(_decoder(student), folder / f"{DECODER}.xml", weights)
    sizes = {f"{name}.bin": (folder / f"{name}.bin").stat().st_size for name in (SCORER, DECODER)}
    pad = student.tokenizer.pad_token_id
    Description(weights, student.end_id, pad, student.positions, sizes).save(folder)


def _write(graph: Any, file: Path, weights: WeightType) -> None:
    import openvino

    if weights == "int8":
        with _without_tables():
            import nncf

            graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM)
    openvino.save_model(graph, str(file), compress_to_fp16=weights == "f16")


@contextlib.contextmanager
def _without_tables() -> Iterator[None]:
    """Within: nncf shows no bars and no tables."""
    logger = logging.getLogger("nncf")
    level = logger.level
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module("nncf")  # which sets the level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


# ------------------------------------------------------------------ scoring


class _Scorer(nn.Module):
    """See `SCORER_INPUTS`."""

    def __init__(self, student: CausalStudent) -> None:
        super().__init__()
        self.model = student.model
        self._student = student

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        branch_ids: Tensor,
        index: Tensor,
        at: Tensor,
        target_ids: Tensor,
    ) -> Tensor:
        mask = self._student.attention_mask(
            {"branch_ids": branch_ids, "position_ids": position_ids}
        )
        with logits_only_at(self.model.get_output_embeddings(), index):
            logits = self.model(
                input_ids=input_ids,
                attention_mask=mask,
                position_ids=position_ids,
                use_cache=False,
            ).logits[0]
        found: Tensor = logits[at, target_ids] - torch.logsumexp(logits, 1)[at]
        return found


def _scorer(student: CausalStudent) -> Any:
    import openvino

    branches = (Branch((), (5, 6)), Branch((), (7, 8, 9)))
    arrays = causal_arrays([Row((2, 3, 4, 5), branches), Row((2, 6, 7), branches)], student.pad_id)
    batch = {key: torch.from_numpy(array) for key, array in arrays.items()}
    index, at = torch.unique(batch["target_index"], return_inverse=True)
    given = [batch[key] for key in ("input_ids", "position_ids", "branch_ids")]
    example = (*given, index, at, batch["target_ids"])
    graph = openvino.convert_model(_Scorer(student), example_input=example)
    _name(graph.inputs, SCORER_INPUTS, [[-1, -1]] * 3 + [[-1]] * 3)
    graph.outputs[0].get_tensor().set_names({SCORER_OUTPUT})
    graph.validate_nodes_and_infer_types()
    return graph


# ------------------------------------------------------------------ decoding


class _Growing(Cache):  # type: ignore[misc]
    """Keys and values of what was read before; each layer's own are put behind them."""

    def __init__(self, past: Sequence[Tensor]) -> None:
        super().__init__(layers=[])
        self.tensors = list(past)

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        keys = torch.cat((self.tensors[2 * layer_idx], key_states), 2)
        values = torch.cat((self.tensors[2 * layer_idx + 1], value_states), 2)
        self.tensors[2 * layer_idx : 2 * layer_idx + 2] = keys, values
        return keys, values


class _Decoder(nn.Module):
    """See `DECODER_INPUTS`; then keys and values of each layer."""

    def __init__(self, student: CausalStudent) -> None:
        super().__init__()
        self.model = student.model
        self._student = student

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        key_positions: Tensor,
        index: Tensor,
        target_ids: Tensor,
        *past: Tensor,
    ) -> tuple[Tensor, ...]:
        cache = _Growing(past)
        with logits_only_at(self.model.get_output_embeddings(), index):
            logits = self.model(
                input_ids=input_ids,
                attention_mask=self._student.masks(partial(_key_mask, position_ids, key_positions)),
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=False,  # no cache of the model's own
            ).logits[0]
        total = torch.logsumexp(logits, 1)
        top = logits.argmax(1)
        own = logits.gather(1, target_ids[:, None])[:, 0] - total
        best = logits.gather(1, top[:, None])[:, 0] - total
        return (own, top, best, *cache.tensors)


def _key_mask(position_ids: Tensor, key_positions: Tensor, window: int | None) -> Tensor:
    """What tokens at ``position_ids`` (rows, read now) see of those at ``key_positions`` (rows,
    all): (rows, 1, read now, all)."""
    distance = position_ids[:, :, None] - key_positions[:, None, :]
    seen = (distance >= 0) & (key_positions >= 0)[:, None, :]
    if window is not None:
        seen = seen & (distance < window)
    return seen[:, None]


def _decoder(student: CausalStudent) -> Any:
    import openvino

    config = student.model.config
    layers, heads = config.num_hidden_layers, config.num_key_value_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    before, now = 3, 4
    past = [torch.zeros(2, heads, before, width) for _ in range(2 * layers)]
    every = torch.arange(before + now).expand(2, -1).contiguous()
    example = (
        torch.tensor([[5, 6, 7, 8], [6, 7, 8, 9]]),
        every[:, before:].contiguous(),
        every,
        torch.tensor([1, 3, 7]),
        torch.tensor([5, 6, 7]),
        *past,
    )
    graph = openvino.convert_model(_Decoder(student), example_input=example)
    names = [f"past.{number}" for number in range(2 * layers)]
    shapes = [[-1, -1]] * 3 + [[-1]] * 2 + [[-1, heads, -1, width]] * (2 * layers)
    _name(graph.inputs, (*DECODER_INPUTS, *names), shapes)
    outputs = (*DECODER_OUTPUTS, *(f"present.{number}" for number in range(2 * layers)))
    for output, name in zip(graph.outputs, outputs, strict=True):
        output.get_tensor().set_names({name})
    graph.validate_nodes_and_infer_types()
    _keep_state(graph, names, heads, width)
    return graph


def _keep_state(graph: Any, names: Sequence[str], heads: int, width: int) -> None:
    """Let the graph keep keys and values itself: of the rows that `ROWS` names, none at first."""
    import numpy as np
    from openvino import opset13 as ops
    from openvino._offline_transformations import apply_make_stateful_transformation

    rows = ops.parameter([-1], dtype=np.int32, name=ROWS)
    rows.output(0).get_tensor().set_names({ROWS})
    graph.add_parameters([rows])
    for given in graph.inputs:
        if given.get_any_name() in names:
            users = given.get_target_inputs()
            chosen = ops.gather(given, rows, ops.constant(0, dtype=np.int64))
            for user in users:
                user.replace_source_output(chosen.output(0))
    graph.validate_nodes_and_infer_types()
    pairs = {name: name.replace("past", "present") for name in names}
    apply_make_stateful_transformation(graph, pairs)
    tokens = next(given for given in graph.inputs if given.get_any_name() == "input_ids")
    count = ops.gather(
        ops.shape_of(tokens, output_type="i64"),
        ops.constant([0], dtype=np.int64),
        ops.constant(0, dtype=np.int64),
    )
    shape = ops.concat([count, ops.constant(np.array([heads, 0, width], np.int64))], 0)
    nothing = ops.broadcast(ops.constant(np.float32(0)), shape)
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            node.set_arguments([nothing])
    graph.validate_nodes_and_infer_types()


def _name(inputs: Sequence[Any], names: Sequence[str], shapes: Sequence[Sequence[int]]) -> None:
    import openvino

    for given, name, shape in zip(inputs, names, shapes, strict=True):
        given.get_tensor().set_names({name})
        given.get_node().set_partial_shape(openvino.PartialShape(list(shape)))
