"""What equal compute is in seconds: one training step of ST and of MT-CoT, counted and timed.

    OMP_NUM_THREADS=1 python -m bench.equal_compute [--student REF] [--full] [--rounds 2]

Forward, backward and optimiser on batches of 8 of the desk's cases with the rule engine's
explanations, LoRA unless ``--full``. Seconds are this process's CPU seconds, on one thread, so
that other work on the machine disturbs them little; medians over batches, the lower of the rounds.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.common import STUDENT, explained_by_rule
from teachback import desk
from teachback.config import StudentConfig, TrainConfig

BATCH, BATCHES = 8, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--student", default=STUDENT)
    parser.add_argument("--full", action="store_true", help="all weights, no adapter")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    import torch

    from bench.students import loaded
    from teachback.training.batches import chunks
    from teachback.training.pairs import pairs_of
    from teachback.training.work import work

    cases = desk.cases(BATCH * BATCHES, desk.TRAIN_SEED, "train")
    examples = [case.example for case in cases]
    explanations = explained_by_rule(cases)
    chosen = StudentConfig(reference=arguments.student, max_target_tokens=160)
    student = loaded(chosen.reference, lora=not arguments.full)
    student.with_card(max_target_tokens=chosen.max_target_tokens)
    trained = [p for p in student.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-5)
    seconds: dict[str, list[float]] = {}
    counted: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for _ in range(arguments.rounds):
        for objective in ("st", "mt-cot"):
            config = TrainConfig().model_copy(update={"objective": objective})
            encoded = [student.encode(p) for p in pairs_of(examples, explanations, config, chosen)]
            counted[objective] = work(student, encoded)
            tokens[objective] = sum(map(len, encoded))
            student.model.train()
            times = []
            for begin in range(0, len(encoded), BATCH):
                started = time.process_time()
                for part in chunks(student.rows(encoded[begin : begin + BATCH]), 2048):
                    with student.autocast():
                        loss = student.loss(student.model, student.collate(part)) / BATCH
                    loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                optimiser.zero_grad()
                times.append(time.process_time() - started)
            seconds.setdefault(objective, []).append(median(times))
            print(f"{objective}: {', '.join(f'{t:.2f}' for t in times)} CPU s a step", flush=True)
    timed = {objective: min(found) for objective, found in seconds.items()}
    print(
        f"MT-CoT over ST: {timed['mt-cot'] / timed['st']:.2f} in CPU seconds, "
        f"{counted['mt-cot'] / counted['st']:.2f} in multiply-adds, "
        f"{tokens['mt-cot'] / tokens['st']:.2f} in tokens"
    )


if __name__ == "__main__":
    main()
