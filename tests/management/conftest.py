from tests.management.commands import run

__all__ = ["run"]
