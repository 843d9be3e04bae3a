"""A small OpenAI-compatible server over OpenVINO GenAI, for recording a local teacher on a CPU.

    python -m bench.desk.serve_openvino MODEL.gguf [--port 8333] [--batch 32]

Serves ``POST /v1/chat/completions`` (one choice, no streaming; ``max_tokens``,
``temperature``, ``top_p`` and ``stop`` are honoured) and ``GET /v1/models``. Requests that
arrive while others run join them (continuous batching), and a prompt prefix seen before is
not computed again. Needs ``pip install openvino-genai``; teachback does not depend on it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openvino_genai as ov

Job = tuple[str, "ov.GenerationConfig", "queue.Queue[tuple[str, list[int], str]]"]


class Engine:
    """One thread owns the pipeline: it adds waiting requests, steps, and hands out replies."""

    def __init__(self, model: Path, batch: int, cache_gb: int) -> None:
        import openvino_genai as ov

        scheduler = ov.SchedulerConfig()
        scheduler.cache_size = cache_gb
        scheduler.max_num_seqs = batch
        scheduler.enable_prefix_caching = True
        self.pipeline = ov.ContinuousBatchingPipeline(str(model), scheduler, "CPU", {})
        self.tokenizer = self.pipeline.get_tokenizer()
        self.waiting: queue.Queue[Job] = queue.Queue()
        self.primed: dict[str, threading.Event] = {}
        threading.Thread(target=self._loop, daemon=True).start()

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        import openvino_genai as ov

        prompt = self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=True)
        config = ov.GenerationConfig()
        config.max_new_tokens = body.get("max_completion_tokens") or body.get("max_tokens") or 512
        config.apply_chat_template = False
        if body.get("temperature", 0) > 0:
            config.do_sample = True
            config.temperature = body["temperature"]
            config.top_p = body.get("top_p", 1.0)
        stop = body.get("stop") or []
        config.stop_strings = {stop} if isinstance(stop, str) else set(stop)
        # Only one request computes a new few-shot part; the others wait to find it cached.
        primed = threading.Event()
        known = self.primed.setdefault(json.dumps(body["messages"][0]), primed)
        if known is not primed:
            known.wait()
        reply: queue.Queue[tuple[str, list[int], str]] = queue.Queue()
        self.waiting.put((prompt, config, reply))
        text, tokens, finish = reply.get()
        primed.set()
        tokens_in = self.tokenizer.encode(prompt).input_ids.shape[1]
        return {
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", ""),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": finish,
                }
            ],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": len(tokens),
                "total_tokens": tokens_in + len(tokens),
            },
        }

    def _loop(self) -> None:
        import openvino_genai as ov

        running: dict[int, tuple[Any, list[int], Any]] = {}
        numbers = itertools.count()
        while True:
            while not running or not self.waiting.empty():  # the pipeline caps the batch itself
                prompt, config, reply = self.waiting.get()
                number = next(numbers)
                handle = self.pipeline.add_request(number, prompt, config)
                running[number] = (handle, [], reply)
            self.pipeline.step()
            for number, (handle, tokens, reply) in list(running.items()):
                finish = None
                while handle.can_read():
                    for output in handle.read().values():
                        tokens += output.generated_ids
                        finish = output.finish_reason
                if handle.get_status() != ov.GenerationStatus.RUNNING:
                    cut = finish == ov.GenerationFinishReason.LENGTH
                    text = self.tokenizer.decode(tokens)
                    reply.put((text, tokens, "length" if cut else "stop"))
                    del running[number]


def handler(engine: Engine, name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": name, "object": "model"}]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.path.endswith("/chat/completions"):
                return self._send(404, {"error": {"message": f"no such path: {self.path}"}})
            try:
                reply = engine.chat(json.loads(body))
            except (ValueError, KeyError, RuntimeError) as error:
                return self._send(400, {"error": {"message": str(error)}})
            return self._send(200, reply)

        def _send(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Silent: the client keeps its own log."""

    return Handler


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # connections that may wait to be accepted; 5 would reset a batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, default=8333)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--cache-gb", type=int, default=2)
    options = parser.parse_args()
    engine = Engine(options.model, options.batch, options.cache_gb)
    server = Server(("127.0.0.1", options.port), handler(engine, options.model.stem))
    print(f"serving {options.model.name} on http://127.0.0.1:{options.port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
