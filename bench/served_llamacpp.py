"""llama.cpp's own server on a GGUF file, in a process that holds nothing else.

    python -m bench.served_llamacpp FILE

prints its address and serves until it is ended. Started by `bench.serving`.
"""

from __future__ import annotations

import argparse
import os
import sys

from teachback.system.machine import cores


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="the GGUF file")
    parser.add_argument("--at-once", type=int, default=1, help="requests that are answered at once")
    settings = parser.parse_args()
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.file
    parameters.n_ctx = 1024 * settings.at_once
    parameters.n_parallel = settings.at_once
    parameters.verbosity = -1
    parameters.cpuparams.n_threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or cores()
    server = xllamacpp.Server(parameters)
    print(f"llama.cpp on {server.listening_address}/", flush=True)
    sys.stdin.read()  # until whoever started it ends it


if __name__ == "__main__":
    main()
