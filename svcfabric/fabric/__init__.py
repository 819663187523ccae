"""What every service shares: instances, placements, agents, choice of host, dispatch, quotas.

A feature never talks to an agent. It bumps its instance's generation in the transaction that changes its
rows (``instances.touch``) and, after the commit, names the instance to ``Dispatcher.kick``.
"""
