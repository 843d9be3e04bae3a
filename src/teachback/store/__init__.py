"""completions.sqlite: every reply of every teacher, by what was asked."""

from teachback.store.completions import CompletionStore, StoredFailure, StoredReply

__all__ = ["CompletionStore", "StoredFailure", "StoredReply"]
