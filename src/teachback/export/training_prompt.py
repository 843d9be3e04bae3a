"""The prompt that a causal student was trained on, as templates that other tools render.

A student answers one question: the templates take one user turn, and refuse a system turn or a
second question instead of rendering what no student has seen in training.
"""

from __future__ import annotations

import json

from teachback.records import Role
from teachback.students.encoding import MARKERS, QUESTION

_TEMPLATE = """\
{{%- if messages | length > 2 or messages[0]['role'] != 'user'
    or (messages | length > 1 and messages[1]['role'] != 'assistant') -%}}
{{{{ raise_exception('this model answers one question: send one user message') }}}}
{{%- endif -%}}
{{%- set task = task if task is defined else {task} -%}}
{begin}{{{{ {question} + messages[0]['content'] }}}}
{{%- if messages | length > 1 or add_generation_prompt -%}}
{{{{ {answer} if task == 'answer' else {explanation} }}}}
{{%- endif -%}}
{{%- if messages | length > 1 -%}}
{{{{ ' ' + messages[1]['content'] + {end} }}}}
{{%- endif -%}}
"""


def chat_template(task: Role, begin: str | None, end: str) -> str:
    """The training prompt as a Jinja template of the messages ``user`` and, where a text to train
    on is rendered, ``assistant``.

    Args:
        task: What is asked for where the caller sets no variable ``task`` ("answer" or
            "explanation").
        begin: The token that begins a text; None where the tokenizer puts none.
        end: The end token.
    """
    return _TEMPLATE.format(
        task=_literal(task),
        begin="" if begin is None else f"{{{{ {_literal(begin)} }}}}",
        question=_literal(QUESTION),
        answer=_literal(MARKERS["answer"]),
        explanation=_literal(MARKERS["explanation"]),
        end=_literal(end),
    ).rstrip("\n")


def modelfile(file: str, task: Role, end: str, tokens: int) -> str:
    """A Modelfile for Ollama beside the GGUF ``file``, greedy as the student is evaluated.

    The token that begins a text is not in the template: the file's own vocabulary adds it.
    """
    return (
        f"FROM ./{file}\n"
        f'TEMPLATE """{QUESTION}{{{{ .Prompt }}}}{MARKERS[task]}"""\n'
        f"PARAMETER stop {json.dumps(end, ensure_ascii=False)}\n"
        "PARAMETER temperature 0\n"
        f"PARAMETER num_predict {tokens}\n"
    )


def _literal(text: str) -> str:
    """A text as Jinja writes it in an expression."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
