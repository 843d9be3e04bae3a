"""teachback: a large model explains; a small model learns to answer and to say why."""
