"""The search: a distribution over architectures, its estimator, and the progressive steps.

In processing order: `distribution` samples, `flops` and `importance` weigh, `learner` learns, `step` runs and
resumes one step, `outcome` picks and measures (`within_target`), `progressive` joins the steps.

The package is callable: `tsdsl.search(space, ...)` is `tsdsl.search.search(space, ...)`.
"""

import sys
from types import ModuleType
from typing import Any

from tsdsl.search.budget.flops import StepFlops, step_flops
from tsdsl.search.budget.within_target import Found, most_probable_within
from tsdsl.search.distribution.factorised import Distribution, Variables, step_variables
from tsdsl.search.progressive import search
from tsdsl.search.record.outcome import SearchResult, read_result
from tsdsl.search.record.run_record import recorded_data_settings, recorded_settings, step_directory
from tsdsl.search.settings import Cadence, DataSettings, SearchOptions, SearchSettings, search_settings
from tsdsl.search.step import read_alpha

__all__ = [
    "Cadence",
    "DataSettings",
    "Distribution",
    "Found",
    "SearchOptions",
    "SearchResult",
    "SearchSettings",
    "StepFlops",
    "Variables",
    "most_probable_within",
    "read_alpha",
    "read_result",
    "recorded_data_settings",
    "recorded_settings",
    "search",
    "search_settings",
    "step_directory",
    "step_flops",
    "step_variables",
]


class _CallablePackage(ModuleType):
    """Lets the package stand for its one verb, as the Python data model provides for module classes."""

    def __call__(self, *arguments: Any, **options: Any) -> SearchResult:
        return search(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
