"""What the office says in its papers is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "wording",
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("paper", sa.Text(), nullable=False),
        sa.Column("banner", sa.Text(), server_default="", nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cycle"], ["cycle.cycle"], name=op.f("fk_wording_cycle_cycle")),
        sa.PrimaryKeyConstraint("cycle", "paper", "banner", "field", name=op.f("pk_wording")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("wording")
