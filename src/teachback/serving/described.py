"""The OpenAPI document, made from the same models that read the bodies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from teachback.serving.requests import (
    AnswerRequest,
    ChatRequest,
    CompletionRequest,
    DecisionRequest,
)

_POSTED: dict[str, tuple[str, type[BaseModel]]] = {
    "/v1/answer": ("Answer one question", AnswerRequest),
    "/v1/chat/completions": ("OpenAI's chat completions", ChatRequest),
    "/v1/systemone": ("Decide typed questions about a state", DecisionRequest),
    "/v1/completions": ("OpenAI's completions, with echo and logprobs", CompletionRequest),
}
_READ = {
    "/health": "Whether the server is up",
    "/metrics": "Prometheus metrics",
    "/v1/models": "The student's name",
}


def document() -> dict[str, Any]:
    """The description of every endpoint, OpenAPI 3.1."""
    replies = {"200": {"description": "OK"}, "default": {"description": "error.message says why"}}
    paths: dict[str, Any] = {
        path: {"get": {"summary": text, "responses": replies}} for path, text in _READ.items()
    }
    schemas: dict[str, Any] = {}
    for path, (text, body) in _POSTED.items():
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[body.__name__] = schema
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        content = {"application/json": {"schema": reference}}
        posted = {"required": True, "content": content}
        paths[path] = {"post": {"summary": text, "requestBody": posted, "responses": replies}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "teachback serve", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
