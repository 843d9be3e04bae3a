"""A teacher whose replies are in a store and who is not there to be asked."""

from __future__ import annotations

from teachback.errors import TeacherError
from teachback.records import Completion, Request
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher


class StoredTeacher(Teacher):
    """What reading a store takes: the model's name, and the form of its prompts."""

    free = True

    def __init__(self, model: str, *, form: Form = "chat") -> None:
        self.model = model
        self.form = form

    async def complete(self, request: Request) -> Completion:
        """Raises `TeacherError`, always."""
        raise TeacherError(f"teacher {self.model}: only its stored replies can be read here")
