"""Why the local stack can't start."""


class CannotStart(Exception):
    """Raised when a part can't be started. Its message is for the person at the terminal and says what to do."""
