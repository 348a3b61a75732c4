"""Makes moto's conditional writes atomic, as in AWS. Python loads this file at start because of its name.

moto serves each request in a thread, checks a condition and then writes. If Python switches threads in between, two writers can pass the same
check. With this interval, Python switches threads only while a thread waits for its socket.
"""

import sys

sys.setswitchinterval(60)  # seconds
