"""Text for the cells of a spreadsheet."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula
(https://owasp.org/www-community/attacks/CSV_Injection)."""


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows and does not execute.

    Names come from outside: a cell such as `=HYPERLINK(...)` would run where the CSV is opened.
    An apostrophe before it makes it text.
    """
    return "'" + text if text.startswith(_FORMULA) else text
