"""`sayathing keys`: who may use the service. Works on the service's own data, on its own machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import WrongUse
from app.cli.exposure import is_loopback
from app.cli.options import AsJson
from app.cli.tables import print_json, print_table
from app.domain.access import SCOPE_MEANINGS, USUAL_SCOPES, KnownKey, Scope, key_digest, new_key

if TYPE_CHECKING:
    from app.results import ResultsStore

MAX_NAME_CHARACTERS = 100

keys = typer.Typer(help="Make, list, revoke and forget the keys that clients show.", no_args_is_help=True)

FIRST = (
    "It is the first one: from now on everybody needs a key, and what was asked for without one is an admin's "
    "(`--scope admin`). The other commands send the one in SAYATHING_API_KEY."
)
SCOPES_HELP = "What it may do: " + "; ".join(f"{scope}: {meaning}" for scope, meaning in SCOPE_MEANINGS.items())


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="What it is for, to know it by in the list.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help=f"{SCOPES_HELP}. May be given several times; default: speak and read.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept. From now on nobody is answered without one."""
    from app.cli.environment import load_settings
    from app.domain.ids import new_task_id
    from app.results.api_keys import add_key, stored_keys

    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise WrongUse(f"A name has at most {MAX_NAME_CHARACTERS} printable characters.")
    secret = new_key()
    key = KnownKey(new_task_id(time.time()), name, key_digest(secret), frozenset(scope or USUAL_SCOPES))
    with _store() as store:
        is_first = not (stored_keys(store.connection) or load_settings().api_keys)
        add_key(store.connection, key, now=_now())
    if as_json:
        print_json({"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "key": secret})
    else:
        typer.echo(f"Key {key.id} may {' and '.join(sorted(key.scopes))}. It is shown this once:", err=True)
        print(secret)
    if is_first:
        typer.echo(FIRST, err=True)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys that were made, the oldest first."""
    from app.results.api_keys import stored_keys

    with _store() as store:
        found = stored_keys(store.connection)
    if as_json:
        print_json(
            {
                "keys": [
                    {
                        "id": each.key.id,
                        "name": each.key.name,
                        "scopes": sorted(each.key.scopes),
                        "created_at": _timestamp(each.created_at),
                        "revoked_at": None if each.revoked_at is None else _timestamp(each.revoked_at),
                    }
                    for each in found
                ]
            }
        )
        return
    rows = [
        (
            each.key.id,
            "+".join(sorted(each.key.scopes)),
            _timestamp(each.created_at),
            "" if each.revoked_at is None else _timestamp(each.revoked_at),
            each.key.name,
        )
        for each in found
    ]
    print_table(("key", "scopes", "created", "revoked", "name"), rows)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `sayathing keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Have a key work no more, within a second. Its tasks stay, and an admin's key sees them."""
    from app.results.api_keys import revoke_key

    with _store() as store:
        revoked = revoke_key(store.connection, key_id.upper(), now=_now())
    if not revoked:
        raise WrongUse(f"There is no key {key_id} that is not revoked yet; `sayathing keys list` shows them.")
    if as_json:
        print_json({"id": key_id.upper(), "revoked": True})
    else:
        print(f"Key {key_id.upper()} is revoked.")


@keys.command()
def forget(as_json: AsJson = False) -> None:
    """Forget all keys, so that nobody needs one again. They have to be revoked before."""
    from app.cli.environment import load_settings
    from app.results.api_keys import forget_keys, stored_keys

    settings = load_settings()
    if settings.api_keys:
        raise WrongUse("SAYATHING_API_KEYS names keys: take them out of it first.")
    with _store() as store:
        found = stored_keys(store.connection)
        if live := [each.key.id for each in found if each.revoked_at is None]:
            raise WrongUse(f"Revoke {' and '.join(live)} first (`sayathing keys revoke ID`): they are in use.")
        forget_keys(store.connection)
    if as_json:
        print_json({"forgotten": len(found)})
    else:
        who = f"reaches {settings.host}" if settings.allow_no_keys else "is on this machine"
        print(f"{len(found)} keys are forgotten. Whoever {who} needs none now, and sees every task.")
        if not settings.allow_no_keys and not is_loopback(settings.host):
            print(f"At {settings.host} the service does not start again without a key.")


@contextmanager
def _store() -> Iterator[ResultsStore]:
    """One write transaction on the service's data."""
    from app.cli.environment import load_settings
    from app.cli.files import check_database_file, make_writable
    from app.results import Database, migrate

    settings = load_settings()
    make_writable(settings.data_dir)
    check_database_file(settings.broker_path)
    database = Database(settings.results_url, durability=settings.durability)
    try:
        migrate(database)
        with database.write() as store:
            yield store
    finally:
        database.close()


def _now() -> int:
    return int(time.time() * 1000)


def _timestamp(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))
