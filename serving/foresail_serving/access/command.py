"""`foresail token`: make tokens, and check the file that lists them."""

import os
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from foresail.errors import BadInput, ForesailError, NotFound, UsageError
from foresail.times import isoformat
from foresail_serving.access.token_file import read_tokens
from foresail_serving.access.tokens import SCOPES, Token, new_token, parse_tokens, sha256_of

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make tokens for the server, and check them."
)
_PRIVATE = 0o600
_SOON = timedelta(days=14)


@app.command()
def new(
    *,
    name: Annotated[str, typer.Option("--name", help="Who holds it, such as grafana.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="forecasts, metrics or health; may stand several times."),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", help="The day from which it opens nothing, as 2027-06-30.")
    ] = "",
    url: Annotated[
        bool, typer.Option("--url", help="It may stand in the URL of a forecast file.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help="Append it to this file of tokens.")
    ] = None,
) -> None:
    """Make a token and print it, this once; the file holds its sha256 alone.

    Example: foresail token new --name grafana --scope forecasts --file tokens.toml

    The token goes to stdout and all else to stderr. Without --file it prints what to add to yours.
    """
    token = new_token()
    entry = _entry(token, name=name, scopes=scope or ["forecasts"], expires=expires, url=url)
    if file is not None:
        _append(file, entry)
        typer.echo(f"added {name} to {file}", err=True)
    else:
        typer.echo(f"add this to the file of tokens:\n\n{entry}", err=True)
    typer.echo("this is the token; it is not shown again:", err=True)
    typer.echo(token)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="File of tokens.", show_default=False)],
) -> None:
    """List the tokens of a file; exit code 1 where a server would let nobody in.

    Example: foresail token check tokens.toml
    """
    try:
        tokens = read_tokens(file)
    except ForesailError as error:
        raise type(error)(f"{file}: {error}") from error
    now = datetime.now(tz=UTC)
    for token in tokens:
        typer.echo(f"{token.name}: {', '.join(_words(token, now))}")
    if all(token.expires is not None and token.expires <= now for token in tokens):
        raise ForesailError(f"{file}: every token has expired; make one with `foresail token new`")


def _words(token: Token, now: datetime) -> list[str]:
    words = [scope for scope in SCOPES if scope in token.scopes]
    if token.url:
        words.append("also in URLs")
    if token.expires is None:
        words.append("never expires")
    elif token.expires <= now:
        words.append(f"EXPIRED {isoformat(token.expires)}")
    else:
        soon = " (soon)" if token.expires - now < _SOON else ""
        words.append(f"expires {isoformat(token.expires)}{soon}")
    return words


def _entry(token: str, *, name: str, scopes: list[str], expires: str, url: bool) -> str:
    """Return what the file holds of a token."""
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    lines = ["[[token]]", f'name = "{name}"', f'sha256 = "{sha256_of(token)}"']
    lines.append(f"scopes = [{listed}]")
    if expires:
        lines.append(f"expires = {_day(expires)}")
    if url:
        lines.append("url = true")
    text = "\n".join(lines) + "\n"
    try:
        parse_tokens(text)
    except BadInput as error:
        raise UsageError(str(error).replace("token 1: ", "")) from error
    return text


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"expected a day such as 2027-06-30 as --expires, got {text!r}") from error
    if day <= datetime.now(tz=UTC).date():
        raise UsageError(f"expected a day to come as --expires, got {text}")
    return day


def _append(file: Path, entry: str) -> None:
    """Add an entry, so that a reader sees the file before or after it, and never in between."""
    file = file.resolve()  # a link stays one
    before, mode = "", _PRIVATE
    try:
        before = "".join(f"{line}\n" for line in file.read_text().splitlines())
        mode = file.stat().st_mode & 0o777
    except FileNotFoundError:
        if not file.parent.is_dir():
            raise NotFound(f"there is no folder {file.parent}") from None
    text = f"{before}\n{entry}" if before else entry
    try:
        parse_tokens(text)
    except BadInput as error:
        raise BadInput(f"{file} is wrong already, and was left alone: {error}") from error
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(descriptor)
        temporary.chmod(mode)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
