#!/usr/bin/env python
"""Django's command-line entry point; a bad setting is one sentence, not a traceback."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routerapp.settings")
    from django.core.management import execute_from_command_line

    from routerapp.environment import BadSetting

    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.exit(f"signalbox: {error}")


if __name__ == "__main__":
    main()
