"""The base of the autograd functions here."""

from __future__ import annotations

from typing import Any

import torch


class Function(torch.autograd.Function):
    """An autograd function of positional arguments, which works under vmap.

    torch binds the arguments of each call to the signature of `forward`, for defaults that ours do not have. A step of
    a small network makes hundreds of calls, and this took a twentieth of it.
    """

    generate_vmap_rule = True

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        """The results of `forward`, with gradients by `backward`."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*arguments)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return super(torch.autograd.Function, cls).apply(*arguments)  # type: ignore[misc]  # it is in torch's C part
