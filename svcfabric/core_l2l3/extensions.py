"""The extensions of the network API that are served: these and no others."""

from __future__ import annotations

from svcfabric.api.resource import Extension

# (alias, name, what it adds)
_SERVED = (
    ("agent", "agent", "The agents that realise networks on hosts."),
    ("agent_sort_key", "Agent sort key", "Sorted lists of agents."),
    ("binding", "Port Binding", "The host a port's wire is on."),
    ("empty-string-filtering", "Empty String Filtering Extension", "Filters for empty values."),
    ("ext-gw-mode", "Neutron L3 Configurable external gateway mode", "Source NAT at a router's gateway, on or off."),
    ("external-net", "Neutron external network", "Networks that lead outside."),
    ("extraroute", "Neutron Extra Route", "Static routes of routers."),
    ("extraroute-atomic", "Atomically add/remove extra routes", "Adding and removing single routes."),
    ("filter-validation", "Filter parameters validation", "Unknown filters are refused."),
    ("fip-port-details", "Floating IP Port Details Extension", "The port in a floating IP's details."),
    ("ip-substring-filtering", "IP address substring filtering", "Ports by part of an address."),
    ("net-mtu", "Network MTU", "The MTU of networks."),
    ("net-mtu-writable", "Network MTU (writable)", "Setting the MTU of networks."),
    ("network-ip-availability", "Network IP Availability", "Addresses that networks have and use."),
    ("pagination", "Pagination support", "Lists in pages."),
    ("project-id", "project_id field enabled", "project_id beside tenant_id."),
    ("provider", "Provider Network", "The wire under a network."),
    ("quota-check-limit", "Quota engine limit check", "Limits below what is in use are refused."),
    ("quota-check-limit-default", "Quota engine limit check by default", "They are unless forced."),
    ("quota_details", "Quota details management support", "Use of quotas."),
    ("quotas", "Quota management support", "Limits by project."),
    ("revision-if-match", "If-Match constraints based on revision_number", "Changes at a certain revision only."),
    ("router", "Neutron L3 Router", "Routers and floating IPs."),
    ("sort-key-validation", "Sort keys validation", "Unknown sort keys are refused."),
    ("sorting", "Sorting support", "Sorted lists."),
    ("standard-attr-description", "standard-attr-description", "A description on every resource."),
    ("standard-attr-revisions", "Resource revision numbers", "A number that grows with every change."),
    ("standard-attr-tag", "Tag support for resources with standard attribute", "Labels on every resource."),
    ("standard-attr-timestamp", "Resource timestamps", "When a resource was made and changed."),
    ("subnet-external-network", "Subnet belongs to an external network", "Subnets tell whether they lead outside."),
    ("tag-creation", "Tag creation extension", "Several labels added at once."),
    ("tag-ports-during-bulk-creation", "Tag Ports During Bulk Creation", "Labels on ports made in bulk."),
)
EXTENSIONS = tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _SERVED)
