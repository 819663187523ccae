"""Names of ports and floating IPs, domains of networks

Revision: dns_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Name

revision = "dns_0001"
down_revision = None
branch_labels = ("dns",)
depends_on = "core_l2l3_0002"

COLUMNS = {"networks": ("dns_domain",), "ports": ("dns_name", "dns_domain"), "floatingips": ("dns_name", "dns_domain")}


def upgrade() -> None:
    for table, names in COLUMNS.items():
        for name in names:
            op.add_column(table, sa.Column(name, Name, nullable=False, server_default=""))


def downgrade() -> None:
    for table, names in COLUMNS.items():
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
