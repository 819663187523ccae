"""Load balancers: the Octavia v2 API over instances of kind ``loadbalancer``.

The path of "add a member": ``routes`` declares it, ``schemas`` checks the body, ``service.members`` stores a row
under the load balancer's next generation, ``spec`` tells hosts what the whole load balancer should be.
"""
