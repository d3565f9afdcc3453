"""Lets the attacks import the proof samples, the forger, the session harness and one another."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("zk", "services", "attacks"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
