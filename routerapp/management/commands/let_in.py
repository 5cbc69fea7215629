"""Lets one admin in again from the machine itself: for the day nobody can sign in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from routerapp.serving.refusals import WriteRefused
from routerapp.serving.rescue import let_in


class Command(BaseCommand):
    help = "Unlock a person, make them admin, take their second factor off and print a new-password link."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            rescue = let_in(username)
        except WriteRefused as refused:
            raise CommandError(str(refused)) from refused
        for step in rescue.steps:
            self.stdout.write(f"{username}: {step}")
        path = reverse("dashboard:invitation", kwargs={"token": rescue.token})
        self.stdout.write(f"Open this once, within a day: {settings.ENVIRONMENT.public_url}{path}")
