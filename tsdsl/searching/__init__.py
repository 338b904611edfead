"""The search: a distribution over architectures, its estimator, and the progressive steps.

In processing order: `distribution` samples, `flops` and `importance` weigh, `learner` learns, `step` runs and
resumes one step, `outcome` picks and measures (`within_target`), `progressive` joins the steps.
"""

from tsdsl.searching.budget.flops import StepFlops, step_flops
from tsdsl.searching.budget.within_target import Found, most_probable_within
from tsdsl.searching.distribution.factorised import Distribution, Variables, step_variables
from tsdsl.searching.progressive import search
from tsdsl.searching.record.outcome import SearchResult, read_result
from tsdsl.searching.record.run_record import recorded_data_settings, recorded_settings, step_directory
from tsdsl.searching.settings import Cadence, DataSettings, SearchOptions, SearchSettings, search_settings
from tsdsl.searching.step import read_alpha

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
