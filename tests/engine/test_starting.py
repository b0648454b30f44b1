"""Torch starts without what can wait, and what waits comes when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBES = {
    "waits while a network runs": """
with quickly():
    import torch
    from torch.nn import functional as F
out = F.rms_norm(F.linear(torch.ones(2, 3), torch.ones(4, 3)), (4,))
assert out.shape == (2, 4)
assert all(isinstance(sys.modules[name], starting._Waiting) for name in POSTPONED)
""",
    "comes when something of it is asked for": """
with quickly():
    import torch
assert torch.export.Dim.__name__
assert not isinstance(sys.modules["torch.export"], starting._Waiting)
""",
    "comes all at once": """
with quickly():
    import torch
complete()
assert not any(isinstance(sys.modules[name], starting._Waiting) for name in POSTPONED)
with torch.device("meta"):
    assert torch.linalg.cholesky(torch.ones(3, 3)).shape == (3, 3)
""",
    "leaves torch alone that is there": """
import torch
with quickly():
    import torch
assert not any(isinstance(sys.modules[name], starting._Waiting) for name in POSTPONED)
""",
    "looks for garbage again afterwards": """
import gc
with quickly():
    assert not gc.isenabled()
assert gc.isenabled()
gc.disable()
with quickly():
    pass
assert not gc.isenabled()
""",
}


@pytest.mark.parametrize("name", PROBES)
def test_start(name: str) -> None:
    code = "import sys\nfrom dgedit.engine import starting\nfrom dgedit.engine.starting import *\n" + PROBES[name]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
