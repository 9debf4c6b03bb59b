"""Makes the modules of ../starter importable after this folder's own, which win where names are the same."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STARTER = HERE.parent / "starter"

if str(STARTER) not in sys.path:
    sys.path.append(str(STARTER))
