"""Load balancers by HAProxy: one process per load balancer, in a namespace of its own.

``render`` says what the configuration is, ``changes`` which runtime commands lead from one to the next (or that
it takes a reload), ``instance`` carries that out on a running process, ``status`` says how it does.
"""
