"""Makes moto's conditional writes atomic, as AWS's are: Python loads this file by its name at start.

moto looks at a condition and then writes, and serves each request in a thread. Python may switch threads in between, so that two writers
meet the same condition. Here threads change places only where one waits for its socket.
"""

import sys

sys.setswitchinterval(60)  # seconds
