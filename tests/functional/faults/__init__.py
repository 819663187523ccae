"""The product under faults, storms of changes, at scale and against hostile callers; all of it real, nothing mocked.

test_kills          two hosts, a broker, a database: ``kill -9`` of each part while requests run through the VIP
test_storm          a storm of mixed changes under load; the configuration at the end equals a fresh rendering
test_scale          many load balancers on one host: memory, idle CPU, time to answer, adoption by a new agent
test_raw_http       what is no good HTTP, sent to a running API

Hostile bodies need no kernel: ``tests/functional/api/test_hostile_bodies.py``. What takes minutes is marked
``soak``; its short form runs always.
"""
