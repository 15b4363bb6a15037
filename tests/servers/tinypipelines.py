"""Small pipelines of the same kind as ours, compiled where a test asks for it."""

from pathlib import Path
from typing import List  # noqa: UP035  # kfp reads a list of artifacts by this name only

from kfp import compiler, dsl

IMAGE = "registry.example/tiny:1"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def write(
    text: str,
    number: int,
    lines: dsl.Output[dsl.Dataset],
    measured: dsl.Output[dsl.Metrics],
) -> str:
    """Write a line into a folder, variables of the environment filled in, and count it."""
    import os  # noqa: PLC0415  # kfp ships the body alone
    from pathlib import Path  # noqa: PLC0415  # as above

    Path(lines.path).mkdir()
    (Path(lines.path) / "line").write_text(os.path.expandvars(text) * number)
    measured.metadata.update({"lines": 1.0})
    return text


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def read(lines: dsl.Input[dsl.Dataset], fail: str = "") -> int:
    """Return the line's length, or fail as it is told to."""
    from pathlib import Path  # noqa: PLC0415  # kfp ships the body alone

    from foresail.errors import BadInput  # noqa: PLC0415  # as above

    if fail:
        try:
            int(fail)
        except ValueError as error:
            if fail == "ours":
                message = "expected a number, got 'ours'; write one"
                raise BadInput(message) from error
            raise
    return len((Path(lines.path) / "line").read_text())


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def shards(n: int) -> list:
    """Return n numbers."""
    return list(range(n))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def one(i: int) -> int:
    """Return the number."""
    return i


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def keep(i: int, fail_at: int, kept: dsl.Output[dsl.Dataset]) -> None:
    """Write the number into a folder, or fail at one of them."""
    import time  # noqa: PLC0415  # kfp ships the body alone
    from pathlib import Path  # noqa: PLC0415  # as above

    from foresail.errors import BadInput  # noqa: PLC0415  # as above

    time.sleep(0.2)
    if i == fail_at:
        message = f"turn {i} was told to fail"
        raise BadInput(message)
    Path(kept.path).mkdir()
    (Path(kept.path) / "number").write_text(str(int(i)))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def join(parts: dsl.Input[List[dsl.Dataset]]) -> str:  # noqa: UP006  # as kfp reads it
    """Return the numbers in the order in which they come."""
    from pathlib import Path  # noqa: PLC0415  # kfp ships the body alone

    return ",".join((Path(part.path) / "number").read_text() for part in parts)


@dsl.pipeline(name="tiny")
def _tiny(text: str, number: int = 2, fail: str = "") -> None:
    written = write(text=text, number=number)
    read(lines=written.outputs["lines"], fail=fail)


@dsl.pipeline(name="looped")
def _looped(n: int = 2) -> None:
    made = shards(n=n)
    with dsl.If(n > 0), dsl.ParallelFor(made.output) as i:
        one(i=i)


@dsl.pipeline(name="gathered")
def _gathered(n: int = 2, fail_at: int = -1) -> None:
    made = shards(n=n)
    with dsl.ParallelFor(made.output) as i:
        turn = keep(i=i, fail_at=fail_at)
    join(parts=dsl.Collected(turn.outputs["kept"]))


def tiny(folder: Path) -> Path:
    """Return a compiled pipeline of two tasks: `write` and `read`."""
    file = folder / "tiny.yaml"
    compiler.Compiler().compile(_tiny, str(file))
    return file


def looped(folder: Path) -> Path:
    """Return a compiled pipeline with a loop inside a condition."""
    file = folder / "looped.yaml"
    compiler.Compiler().compile(_looped, str(file))
    return file


def gathered(folder: Path) -> Path:
    """Return a compiled pipeline that collects the artifacts of a loop."""
    file = folder / "gathered.yaml"
    compiler.Compiler().compile(_gathered, str(file))
    return file
