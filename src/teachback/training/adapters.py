"""LoRA layers that compute the frozen weight and its adapter together.

PEFT adds the adapter's product to the layer's own in steps of their own: with a base in bf16
these cast, scale and add whole activations in float32, which on a CPU takes a tenth to a
quarter of a training step. Here the small product is added inside the matrix multiplication,
forward and backward, and the adapter (kept in float32 for the optimiser) is multiplied in the
precision of the weight that it adapts. Everything else about the layers stays PEFT's: names,
files, merging.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners import lora
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from teachback.config import TrainConfig
from teachback.students.model import StudentModel
from teachback.students.quiet import quiet


def with_adapter(student: StudentModel, config: TrainConfig) -> Any:
    """The student's model with a new LoRA adapter (Hu et al. 2021) at every linear layer."""
    adapter = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="SEQ_2_SEQ_LM" if student.family == "seq2seq" else "CAUSAL_LM",
    )
    with quiet():
        model = get_peft_model(student.model, adapter)
    # The adapter's own file names its base as the user did, not by a path of this machine.
    model.peft_config["default"].base_model_name_or_path = student.card.base
    return with_quick_layers(model)


def with_quick_layers(model: Any) -> Any:
    """The same model, its LoRA layers computed as this module does it."""
    for module in model.modules():
        if type(module) is lora.Linear:
            # PEFT makes its layers itself; its way to name another class changes with versions.
            module.__class__ = AdaptedLinear
    return model


class AdaptedLinear(lora.Linear):  # type: ignore[misc]
    """PEFT's LoRA layer, quicker in the plain case: one adapter, neither merged nor disabled,
    without dropout, over a frozen weight in the input's precision."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        base = self.get_base_layer()
        if args or kwargs or not self._is_plain(base, x):
            result: Tensor = super().forward(x, *args, **kwargs)
            return result
        (name,) = self.active_adapters
        down, up = self.lora_A[name].weight, self.lora_B[name].weight
        summed: Tensor = _AdaptedProduct.apply(  # type: ignore[no-untyped-call]
            x, base.weight, base.bias, down, up, self.scaling[name]
        )
        return summed

    def _is_plain(self, base: nn.Module, x: Tensor) -> bool:
        if self.disable_adapters or self.merged or len(self.active_adapters) != 1:
            return False
        (name,) = self.active_adapters
        return (
            type(base) is nn.Linear
            and name in self.lora_A
            and name not in getattr(self, "lora_variant", {})
            and not (self.training and getattr(self.lora_dropout[name], "p", 0.0))
            and not base.weight.requires_grad
            and base.weight.dtype == x.dtype
            and not torch.is_autocast_enabled(x.device.type)
        )


class _AdaptedProduct(torch.autograd.Function):
    """x · Wᵀ + bias + scale · (x · downᵀ) · upᵀ with gradients for x, down and up."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        flat = x.flatten(0, -2)
        down_used, up_used = down.to(x.dtype), (up * scale).to(x.dtype)
        inner = flat @ down_used.t()
        total = nn.functional.linear(flat, weight, bias)
        total.addmm_(inner, up_used.t())
        ctx.save_for_backward(flat, weight, down_used, up_used, inner)
        ctx.scale, ctx.adapter_dtype = scale, down.dtype
        return total.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Any:
        flat, weight, down, up, inner = ctx.saved_tensors
        slopes = upstream.flatten(0, -2)
        inner_slopes = slopes @ up
        of_x = of_down = of_up = None
        if ctx.needs_input_grad[0]:
            of_x = slopes @ weight
            of_x.addmm_(inner_slopes, down)
            of_x = of_x.view(*upstream.shape[:-1], -1)
        if ctx.needs_input_grad[3]:
            of_down = (inner_slopes.t() @ flat).to(ctx.adapter_dtype)
        if ctx.needs_input_grad[4]:
            of_up = (slopes.t() @ inner).to(ctx.adapter_dtype).mul_(ctx.scale)
        return of_x, None, None, of_down, of_up, None
