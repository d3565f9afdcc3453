"""``python -m services.demo``."""

import sys

from services.demo.main import run_demo

sys.exit(run_demo())
