"""What only PostgreSQL has. Collected when it is the database: tests/store/test_on_postgresql.py runs these with a server of its own."""

from django.db import connection

collect_ignore_glob = [] if connection.vendor == "postgresql" else ["test_*.py"]
