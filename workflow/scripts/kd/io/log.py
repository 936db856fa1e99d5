"""The logger of everything here; kd/runtime/script.py says where the lines of a job go."""

import logging

logger = logging.getLogger("kd")
