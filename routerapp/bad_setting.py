"""The refusal of an environment variable: its name, its value and what is allowed."""


class BadSetting(ValueError):
    """A variable has a value we cannot use."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        super().__init__(f"{variable}={value!r} cannot be used. Allowed: {allowed}.")
        self.variable = variable
