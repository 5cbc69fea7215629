"""The C programs of the benchmarks, compiled when first needed, and again when their source has changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES, BUILD = HERE / "c", HERE / "build"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


class NoCompiler(RuntimeError):
    """Nothing on this machine compiles C."""


def compiled(name: str, build: Path = BUILD) -> Path:
    """The program made from c/<name>.c. Raises NoCompiler, or RuntimeError with what the compiler said."""
    source = SOURCES / f"{name}.c"
    parts = b"".join(path.read_bytes() for path in (source, *sorted(SOURCES.glob("*.h"))))
    program = build / f"{name}-{hashlib.sha256(parts).hexdigest()[:12]}"
    if program.exists():
        return program
    build.mkdir(parents=True, exist_ok=True)
    new = program.with_suffix(".new")
    done = subprocess.run(
        [compiler(), *FLAGS, "-o", str(new), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr}")
    new.rename(program)
    return program


def compiler() -> str:
    for name in COMPILERS:
        if found := shutil.which(name):
            return found
    raise NoCompiler(
        "The load generator and the mock upstream are small C programs, and there is no C compiler here "
        f"(looked for {', '.join(COMPILERS)}). Install one, e.g. Debian's package gcc."
    )
