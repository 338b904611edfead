"""A model as a file that needs no tsdsl: Python source, a `torch.export` program or ONNX.

`expressions` and `blocks` write the source, `description` and `preprocessing` say what goes with it, `agreement`
compares scores with the model's before anything is written, and `provenance` says where a file comes from.
"""

from tsdsl.export.interpret import verify_export
from tsdsl.export.onnx import export_onnx, verify_onnx
from tsdsl.export.pt2 import export_pt2, verify_pt2
from tsdsl.export.python import export_python

__all__ = ["export_onnx", "export_pt2", "export_python", "verify_export", "verify_onnx", "verify_pt2"]
