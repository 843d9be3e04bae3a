"""LoRA layers against PEFT's own, which compute the same step by step."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners import lora
from torch import Tensor, nn

from teachback.config import TrainConfig
from teachback.students.load import load
from teachback.students.quiet import quiet
from teachback.training.adapters import AdaptedLinear, with_adapter, with_quick_layers
from tiny import tiny_causal


def layers(bias: bool = False, dropout: float = 0.0) -> tuple[nn.Module, nn.Module]:
    """One layer with one adapter, as PEFT computes it and as we do; nothing in it is zero."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(24, 40, bias=bias))
    config = LoraConfig(r=4, lora_alpha=6, lora_dropout=dropout, target_modules=["0"])
    theirs = get_peft_model(model, config)
    for name, parameter in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    return theirs, with_quick_layers(copy.deepcopy(theirs))


def outcome(model: nn.Module, x: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """The output and all gradients, in float32."""
    x = x.clone().requires_grad_()
    y = model(x)
    y.backward(slopes.to(y.dtype))
    found = {"output": y.detach(), "input": x.grad}
    found |= {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return {name: value.float() for name, value in found.items()}


def apart(left: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
    assert left.keys() == right.keys()
    return {n: float((left[n] - right[n]).norm() / right[n].norm()) for n in right}


@pytest.mark.parametrize("bias", [False, True])
def test_output_and_gradients_are_pefts(bias: bool) -> None:
    theirs, ours = layers(bias)
    x, slopes = torch.randn(3, 7, 24), torch.randn(3, 7, 40)
    wanted = outcome(theirs, x, slopes)
    assert set(wanted) == {"output", "input"} | {n for n in wanted if ".lora_" in n}
    assert len(wanted) == 4
    assert max(apart(outcome(ours, x, slopes), wanted).values()) < 1e-6


def test_in_bf16_it_is_no_further_from_float32_than_pefts() -> None:
    theirs, ours = layers()
    x, slopes = torch.randn(64, 24).bfloat16(), torch.randn(64, 40).bfloat16()
    for model in (theirs, ours):
        for name, parameter in model.named_parameters():
            if "lora_" not in name:
                parameter.data = parameter.data.bfloat16()
    exact = copy.deepcopy(theirs).float()
    wanted = outcome(exact, x.float(), slopes.float())
    own = apart(outcome(ours, x, slopes), wanted)
    peft = apart(outcome(theirs, x, slopes), wanted)
    assert all(0 < own[name] < max(1.2 * peft[name], 5e-3) for name in own), (own, peft)
    assert all(p.grad.dtype == torch.float32 for p in ours.parameters() if p.requires_grad)


@pytest.mark.parametrize("case", ["dropout", "merged", "disabled", "unfrozen", "autocast"])
def test_what_is_not_the_plain_case_is_left_to_peft(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = layers(dropout=0.5 if case == "dropout" else 0.0)
    asked: list[str] = []
    forward = lora.Linear.forward

    def noted(self: lora.Linear, x: Tensor) -> Tensor:
        asked.append(case)
        result: Tensor = forward(self, x)
        return result

    monkeypatch.setattr(lora.Linear, "forward", noted)
    x = torch.randn(3, 24)
    results = []
    for model in (ours, theirs):
        if case == "merged":
            model.merge_adapter()
        elif case == "disabled":
            model.base_model.disable_adapter_layers()
        elif case == "unfrozen":
            model.get_submodule("base_model.model.0.base_layer").weight.requires_grad_()
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case == "autocast"):
            results.append(model(x))
    assert asked == [case, case]
    assert torch.equal(*results)


def test_an_adapter_is_saved_as_pefts(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "base", "llama")
    student = load(folder, precision="fp32", training=True)
    base = copy.deepcopy(student.model)
    model = with_adapter(student, TrainConfig(lora=True))
    kinds = {type(module) for module in model.modules() if isinstance(module, lora.Linear)}
    assert kinds == {AdaptedLinear}
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.1)
    ids = torch.tensor([[3, 4, 5, 6]])
    model.eval()
    wanted = model(input_ids=ids).logits
    model.save_pretrained(tmp_path / "adapter")
    with quiet():
        again = PeftModel.from_pretrained(base, tmp_path / "adapter")
    assert AdaptedLinear not in {type(module) for module in again.modules()}
    for loaded in (again, again.merge_and_unload()):
        assert torch.allclose(loaded.eval()(input_ids=ids).logits, wanted, atol=1e-5)
