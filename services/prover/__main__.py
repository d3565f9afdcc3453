"""``python -m services.prover``."""

import sys

from services.prover.main import main

sys.exit(main())
