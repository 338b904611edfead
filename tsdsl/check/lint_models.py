"""Models that are not scaled as they say."""

from __future__ import annotations

from collections.abc import Iterator

from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, Label


def unscaled_depths(subject: Subject) -> Iterator[Diagnostic]:
    """TS412: the depth of a model does not multiply the blocks of groups with `each`; once a model."""
    groups = [group for stream in subject.space.streams for group in stream.groups if group.is_each]
    for model in subject.space.models if groups else ():
        span = subject.origins.get(f"model.{model.name}.depth")
        if model.depth != 1 and span is not None:
            others = f"{len(groups)} groups, such as " if len(groups) > 1 else ""
            yield Diagnostic(
                "TS412",
                f"the depth does not multiply the blocks of {others}`{groups[0].path}`, "
                "which have decisions of their own",
                subject.source,
                span,
                "does not multiply every group",
                (Label(subject.origins[groups[0].path], "has `each`"),),
                help="choose more blocks there, or write the group without `each`",
            )
