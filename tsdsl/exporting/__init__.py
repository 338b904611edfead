"""A model as a file that needs no tsdsl: Python source, a `torch.export` program or ONNX.

`python` writes the source from `expressions` and `blocks`; `pt2` and `onnx` make programs. `description` and
`preprocessing` are stored with them, `provenance` says where a file comes from, and `agreement` compares scores with
the model's before anything is written.
"""

from tsdsl.exporting.interpret import verify_export
from tsdsl.exporting.onnx import export_onnx, verify_onnx
from tsdsl.exporting.pt2 import export_pt2, verify_pt2
from tsdsl.exporting.python import export_python

__all__ = ["export_onnx", "export_pt2", "export_python", "verify_export", "verify_onnx", "verify_pt2"]
