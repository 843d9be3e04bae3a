"""Every key of a run's configuration: its type, its default and its meaning, once.

The sections are also what the steps take as their settings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from teachback.records import (
    LANGUAGES,
    AnswerFormat,
    Conclusions,
    KeyHeader,
    Language,
    Objective,
    ReplyReading,
    Strategy,
)
from teachback.references import DATASET_FORMS, STUDENT_FORMS, TEACHER_FORMS
from teachback.system.precision import Precision

_MOST = 2**32


class ConfigSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        """Numbers alone would take true as 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and _types(field.annotation).isdisjoint({bool, Any}):
            raise ValueError(f"must not be {str(value).lower()}")
        return value

    @field_validator("*")
    @classmethod
    def _is_a_size(cls, value: object) -> object:
        """No count of anything is larger; arithmetic with what is would not end or would fail."""
        if isinstance(value, int) and abs(value) >= _MOST:
            raise ValueError(f"must be less than {_MOST}")
        return value


def _types(annotation: Any) -> set[Any]:
    """A type and those within it."""
    try:
        own = {annotation}
    except TypeError:  # what stands in Annotated may not be hashable
        return set()
    return own.union(*map(_types, get_args(annotation)))


def _in_order(value: Any) -> Any:
    """Languages as they are recorded: English among them, each once, in the order of the table."""
    if value == "auto":
        return value
    known = isinstance(value, list | tuple) and value and all(one in LANGUAGES for one in value)
    if not known:
        raise ValueError(f"must be auto, or a list of {', '.join(LANGUAGES)}")
    return tuple(one for one in LANGUAGES if one == "en" or one in value)


Languages = Annotated[Literal["auto"] | tuple[Language, ...], BeforeValidator(_in_order)]


def _reply_reading(
    conclusions: Conclusions, languages: tuple[Language, ...] | Literal["auto"]
) -> ReplyReading:
    return ReplyReading(conclusions, LANGUAGES if languages == "auto" else languages)


def _key(default: Any, description: str, **bounds: Any) -> Any:
    return Field(default, description=description, **bounds)


class DataConfig(ConfigSection):
    """`[data]`: the labelled questions."""

    train: str = _key(..., f"dataset to train on: {DATASET_FORMS}")
    test: str | None = _key(None, "dataset to evaluate on, once; unset: no evaluation")
    kind: str | None = _key(None, "question kind; unset: found from the file's rows")
    size: int | float | None = _key(
        None, "rows to use, a seeded sample: a count, or a fraction up to 1.0; unset: all"
    )
    valid_fraction: float = _key(
        0.1,
        "share of train held out as valid, on which choices are made (at least 50 rows)",
        gt=0,
        le=0.5,
    )


class TeacherConfig(ConfigSection):
    """`[teacher]`: who explains, and how it is asked."""

    reference: str | None = _key(None, f"{TEACHER_FORMS}; unset: no explanations (st only)")
    exemplars: str = _key(
        "auto",
        "exemplars in prompts: auto (by question kind), none, a built-in set's name, or a file",
    )
    instructions: str | None = _key(None, "file whose text precedes every prompt (a policy, say)")
    form: Literal["auto", "chat", "text"] = _key(
        "auto", "prompt form; auto: what the teacher takes"
    )
    system: Literal["turn", "fold"] = _key(
        "turn", "fold: put the system turn into the first user turn, for models without one"
    )
    temperature: float = _key(0.0, "sampling temperature", ge=0)
    top_p: float = _key(1.0, "nucleus sampling", gt=0, le=1)
    max_tokens: int = _key(512, "longest reply, in tokens, thinking included", ge=1, le=10_000_000)
    samples: int = _key(1, "replies asked for per prompt", ge=1, le=1000)
    concurrency: int = _key(32, "largest number of requests in flight", ge=1)
    max_cost: float | None = _key(
        None,
        "cap on the cost of asking in US dollars, over all runs into the folder; unset: no cap",
        gt=0,
    )
    max_reply_mb: int = _key(
        8,
        "longest body of a server's response, in megabytes and decompressed; the rest of a "
        "longer one is not read",
        ge=1,
        le=1000,
    )
    key_header: KeyHeader = _key(
        "authorization", "header that a server wants its key in; api-key: Azure's"
    )
    prices: str | None = _key(
        None, "TOML or JSON file: model → input, output, cached, in dollars per million tokens"
    )


class SelectionConfig(ConfigSection):
    """`[selection]`: which replies become explanations."""

    strategy: Strategy = _key("crop", "cote, rp, or crop (cote, with rp where cote was wrong)")
    choose: Literal["first", "all", "shortest", "agreed"] = _key(
        "first", "which of several correct replies are kept"
    )
    rp_check: bool = _key(True, "reject an rp reply whose conclusion is not the gold answer")
    leak_check: bool = _key(
        True, "reject an rp explanation that mentions having been told the answer"
    )
    thinking: bool = _key(False, "put a reasoning model's thinking part before its explanation")
    reading: Conclusions = _key(
        "inferred",
        "which conclusions count: announced ones, or also those inferred from the last sentences",
    )
    languages: Languages = _key(
        "auto",
        "languages that conclusions, and numbers in words, are read in; auto: those of the "
        "exemplars and the questions; English always",
    )
    max_words: int = _key(400, "longer explanations are rejected", ge=1)

    @property
    def reply_reading(self) -> ReplyReading:
        """As `EvaluateConfig.reply_reading`."""
        return _reply_reading(self.reading, self.languages)


class StudentConfig(ConfigSection):
    """`[student]`: the small model."""

    reference: str = _key("pypi:gemma-3-270m", STUDENT_FORMS)
    precision: Precision = _key(
        "auto",
        "number format of the computation; auto: bf16 where the hardware multiplies it natively, "
        "else fp32",
    )
    task_marker: Literal["decoder", "encoder"] = _key(
        "decoder",
        "where a seq2seq student reads which task it is to do (causal ones: after the question)",
    )
    answer_format: AnswerFormat = _key(
        "text", "how choices are answered: letter, text or both; one setting for all compared"
    )
    max_source_tokens: int = _key(512, "longer questions lose their beginning", ge=8)
    max_target_tokens: int = _key(256, "longer explanations lose their end", ge=8)
    trim_vocabulary: int | None = _key(
        None,
        "train a base that keeps this many of the tokens, the training data's first; unset: all",
        ge=1,
    )
    trim_limit: float = _key(
        0.02,
        "with trim_vocabulary: share of new questions' tokens (estimated) that may be missing",
        ge=0,
        le=1,
    )


TRIMMING_KEYS = ("trim_vocabulary", "trim_limit")
"""Keys of `[student]` that say how a trimmed base is made; it then has a reference of its own."""


class TrainConfig(ConfigSection):
    """`[train]`: the objective and the optimisation."""

    objective: Objective = _key("mt-cot", f"one of {', '.join(get_args(Objective))}")
    alpha: float = _key(0.5, "weight of the answer task against the explanation task", ge=0, le=1)
    permute: bool = _key(
        False, "as a control, give each example the explanation of a different one"
    )
    seed: int = _key(
        0, "draws the sample, the valid part, the order and the initialisation", ge=0, lt=2**32
    )
    epochs: float = _key(3.0, "passes over the training part", gt=0)
    batch_size: int = _key(
        16, "examples per optimiser step, whatever the memory and the number of processes", ge=1
    )
    token_budget: int = _key(
        2048,
        "tokens computed at once in one process, padding included; changes memory, not results",
        ge=16,
    )
    length_window: int = _key(
        1,
        "batches within which examples are sorted by length: larger windows need less padding, but "
        "put examples of similar length into one batch; 1: plain shuffling",
        ge=1,
    )
    learning_rate: float | None = _key(
        None, "peak learning rate; unset: 5e-4 with LoRA, 5e-5 full causal, 3e-4 full seq2seq", gt=0
    )
    schedule: Literal["linear", "cosine", "constant"] = _key(
        "linear", "how the learning rate falls after the warm-up"
    )
    warmup: float = _key(0.06, "share of the steps in which the learning rate rises", ge=0, lt=1)
    weight_decay: float = _key(0.0, "AdamW's decoupled weight decay", ge=0)
    max_grad_norm: float = _key(1.0, "gradient norm is clipped to this", gt=0)
    patience: int = _key(
        2, "stop after this many epochs without a better score on valid; 0: never", ge=0
    )
    removal_share: float = _key(
        0.5,
        "mt-icot: share of training by which the explanation before the answer is gone",
        gt=0,
        lt=1,
    )
    removal_per_epoch: int | None = _key(
        None, "mt-icot: tokens removed in each epoch, in place of removal_share", ge=1
    )
    removal_jitter: float = _key(
        4.0,
        "mt-icot: each step removes n tokens more with a probability that falls as "
        "exp(-removal_jitter * n); 0: none",
        ge=0,
    )
    removal_reset: bool = _key(
        False, "mt-icot: forget the optimiser's moments whenever more is removed (as in the paper)"
    )
    lora: bool = _key(False, "train a LoRA adapter instead of all weights")
    lora_rank: int = _key(16, "rank of the adapter", ge=1)
    lora_alpha: int = _key(32, "scale of the adapter", ge=1)
    lora_dropout: float = _key(0.0, "dropout before the adapter", ge=0, lt=1)
    gradient_checkpointing: bool = _key(False, "less memory for about a third more time")
    memory_check: bool = _key(
        True, "refuse to start where training is estimated to need more memory than there is"
    )


MEMORY_KEYS = ("token_budget", "gradient_checkpointing", "memory_check")
"""Keys of `[train]` that change what memory a run takes, and nothing that comes out of it."""

REMOVAL_KEYS = ("removal_share", "removal_per_epoch", "removal_jitter", "removal_reset")
"""Keys of `[train]` that only an objective which internalises explanations depends on."""


class EvaluateConfig(ConfigSection):
    """`[evaluate]`: how answers are drawn and counted."""

    explain: bool = _key(True, "also generate explanations and read their conclusions")
    way: Literal["adaptive"] | None = _key(
        None,
        "adaptive: explain only what the student answers with a margin below its threshold "
        "(exploratory); unset: explain every question, or none, as explain says",
    )
    choice_score: Literal["sum", "mean"] = _key(
        "sum", "score choices by the sum of log-probabilities with end token, or their mean"
    )
    batch_size: int = _key(32, "questions answered at once", ge=1)
    max_new_tokens: int | None = _key(
        None,
        "longest generated explanation, in tokens; unset: by the lengths of those trained on",
        ge=1,
    )
    reading: Conclusions = _key(
        "inferred", "like selection.reading, for the explanations of students and prompted teachers"
    )
    languages: Languages = _key("auto", "like selection.languages")
    baselines: bool = _key(True, "also evaluate the untrained student and the majority label")

    @model_validator(mode="after")
    def _explains_in_its_way(self) -> EvaluateConfig:
        if self.way == "adaptive" and not self.explain:
            raise ValueError("way = adaptive explains unsure answers: it needs explain = true")
        return self

    @property
    def reply_reading(self) -> ReplyReading:
        """How conclusions are read; in all languages where ``languages`` is not settled."""
        return _reply_reading(self.reading, self.languages)


READING_KEYS = ("reading", "languages")
"""Keys of `[selection]` and `[evaluate]` that say how conclusions are read: one way for both."""


class Config(ConfigSection):
    """A whole run."""

    data: DataConfig
    teacher: TeacherConfig = TeacherConfig()
    selection: SelectionConfig = SelectionConfig()
    student: StudentConfig = StudentConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _reads_all_alike(self) -> Config:
        for key in READING_KEYS:
            if getattr(self.selection, key) != getattr(self.evaluate, key):
                raise ValueError(
                    f"selection.{key} and evaluate.{key} differ: set both to the same value, since "
                    "everything compared must be read in the same way"
                )
        return self


SECTIONS: dict[str, type[ConfigSection]] = {
    "data": DataConfig,
    "teacher": TeacherConfig,
    "selection": SelectionConfig,
    "student": StudentConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
}
