"""What `make run` prints when everything is up: where to go, who to be, what to try."""

from __future__ import annotations

import os
from pathlib import Path

from routerapp.environment import Environment
from routerapp.serving.installation import FirstStart


def keep_first_key(environment: Environment, start: FirstStart) -> Path:
    """Write the first key beside the root secret (0600), once, so that the printed lines work at every start."""
    path = environment.data_dir / "first-key"
    if start.api_key is not None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(start.api_key + "\n")
    return path


def first_words(start: FirstStart) -> str:
    """Who to sign in as, said the moment it exists: what follows may be interrupted. Empty from the second start on."""
    if start.api_key is None:
        return ""
    password = start.admin_password
    told = f"{password}   (shown only now; write it down)" if password else "the one in SIGNALBOX_ADMIN_PASSWORD"
    return f"\nSign in as   admin\nPassword     {told}\n\n"


def banner(environment: Environment, key_file: Path, *, can_route: bool) -> str:
    """The curl line reads the key from its file, so that it works as printed at every start and no log holds a key.

    can_route: there is a deployment; without one the way to the first is shown, and nothing that would be refused.
    """
    url = environment.public_url
    lines = ["", f"Signalbox is ready:  {url}/", ""]
    if not can_route:
        lines += ["No model is set up yet. A guide leads to the first answer:", f"  {url}/welcome/", ""]
    elif key_file.exists():
        lines += [
            "Route a prompt:",
            f"  curl -s {url}/v1/chat/completions \\",
            f'    -H "Authorization: Bearer $(cat {key_file})" -H "Content-Type: application/json" \\',
            """    -d '{"model": "auto", "messages": [{"role": "user", "content": "Write a haiku about trains."}]}'""",
            "",
            "From Python (pip install openai):",
            "  from pathlib import Path",
            "  from openai import OpenAI",
            f'  key = Path("{key_file}").read_text().strip()',
            f'  client = OpenAI(base_url="{url}/v1", api_key=key)',
            '  print(client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hello!"}]))',
            "",
        ]
    lines += ["Ctrl-C stops everything.", ""]
    return "\n".join(lines) + "\n"
