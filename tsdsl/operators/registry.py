"""The operators of the language, by role and name. Add a new operator here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tsdsl.operators.attention import GLORE, NONLOCAL, SQUEEZE_EXCITE
from tsdsl.operators.basic3d import BASIC3D
from tsdsl.operators.bottleneck3d import BOTTLENECK3D
from tsdsl.operators.conv2plus1d import CONV2PLUS1D
from tsdsl.operators.conv3d import CONV3D
from tsdsl.operators.fusion import TIME_STRIDED_CONV, TIME_STRIDED_SAMPLE, TIME_TO_CHANNEL
from tsdsl.operators.max_pool3d import MAX_POOL3D
from tsdsl.operators.mbconv3d import MBCONV3D
from tsdsl.operators.schema import AttentionOperator, BlockOperator, FusionOperator
from tsdsl.operators.x3d_stem import X3D_STEM

BLOCKS: Mapping[str, BlockOperator] = MappingProxyType(
    {op.name: op for op in (CONV3D, CONV2PLUS1D, X3D_STEM, MBCONV3D, BOTTLENECK3D, BASIC3D, MAX_POOL3D)}
)
FUSIONS: Mapping[str, FusionOperator] = MappingProxyType(
    {op.name: op for op in (TIME_STRIDED_CONV, TIME_STRIDED_SAMPLE, TIME_TO_CHANNEL)}
)
ATTENTIONS: Mapping[str, AttentionOperator] = MappingProxyType(
    {op.name: op for op in (GLORE, NONLOCAL, SQUEEZE_EXCITE)}
)
NONE = "none"
