"""What FastAPI hands to the routes."""

from typing import Annotated

from fastapi import Depends, Request

from foresail_serving.problems import ProblemError
from foresail_serving.state import State


async def _state(request: Request) -> State:
    state: State = request.app.state.foresail
    return state


async def _each_parameter_once(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProblemError(
            "bad-request", f"expected each parameter once, got {twice[0][:100]!r} more than once"
        )


StateOf = Annotated[State, Depends(_state)]
ONCE = Depends(_each_parameter_once)
"""A dependency of every route with parameters: of two values neither is silently dropped."""
