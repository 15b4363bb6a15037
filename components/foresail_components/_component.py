"""How a function becomes one of our components: our image, nothing installed at run time."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from foresail_components._image import TRAIN_IMAGE


def component(function: Callable[..., Any]) -> Any:  # noqa: ANN401  # kfp publishes no types
    """Return the function as a lightweight component that runs in the train image.

    Inside a running task kfp offers no decorator; there the function itself comes back, so that
    these modules can be imported everywhere.

    Args:
        function: Its signature is the contract; its body imports all it needs.
    """
    decorate = getattr(dsl, "component", None)
    if decorate is None:
        return function
    return decorate(function, base_image=TRAIN_IMAGE, install_kfp_package=False)
