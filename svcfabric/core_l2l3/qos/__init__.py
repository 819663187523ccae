"""Quality of service: policies with rules, on ports, networks, floating IPs and routers' gateways."""
