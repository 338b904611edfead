"""Diagnostics: what is wrong in a file, where, and what to do; many renderings of one type."""

from tsdsl.diagnostics.codes import CODES, Code, Severity
from tsdsl.diagnostics.diagnostic import Diagnostic, Label, ordered
from tsdsl.diagnostics.fix import Edit, Fix, replacement

__all__ = ["CODES", "Code", "Diagnostic", "Edit", "Fix", "Label", "Severity", "ordered", "replacement"]
