"""What the doctor says of the service's address, keys and answers."""

import socket

import pytest

from app.cli.service_checks import check_keys, check_service
from app.domain.access import KnownKey
from app.results import Database, migrate
from app.results.api_keys import add_key, revoke_key
from app.settings import Settings
from tests.unit.cli.fake_service import Answer, FakeService

SECRET = "k" * 30


def changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


@pytest.mark.parametrize(("status", "verdict"), [("ok", "ok"), ("degraded", "warn"), ("failing", "fail")])
def test_the_service_is_as_well_as_it_says(settings: Settings, service: FakeService, status: str, verdict: str) -> None:
    service.prepare("GET /healthz", Answer(200, {"status": status, "reasons": ["No worker is running."]}))
    found = check_service(settings, service.url)
    assert found.verdict == verdict
    assert ("No worker is running." in found.detail) == (verdict != "ok")


def test_a_service_of_another_version_is_to_be_started_again(settings: Settings, service: FakeService) -> None:
    service.prepare("GET /healthz", Answer(200, {"status": "ok", "reasons": [], "version": "0.0.1"}))
    found = check_service(settings, service.url)
    assert (found.verdict, "0.0.1" in found.detail, found.advice) == ("warn", True, "Start it again.")


def test_a_service_that_wants_a_key_is_a_warning(settings: Settings, service: FakeService) -> None:
    service.prepare("GET /healthz", Answer(401, {"status": 401, "title": "Unauthorized"}))
    found = check_service(settings, service.url)
    assert (found.verdict, found.advice) == ("warn", "Set SAYATHING_API_KEY.")


def test_no_service_is_a_warning_and_a_failure_where_one_was_named(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert check_service(changed(settings, port=port)).verdict == "warn"
    assert check_service(settings, f"http://127.0.0.1:{port}").verdict == "fail"


def test_a_port_that_another_program_has_fails(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.listen(0)
        found = check_service(changed(settings, port=port))
    assert (found.verdict, "in use" in found.detail) == ("fail", True)
    assert f"ss -ltnp 'sport = :{port}'" in found.advice


def test_an_address_of_another_machine_fails(settings: Settings) -> None:
    found = check_service(changed(settings, host="192.0.2.1", port=8000))
    assert (found.verdict, "SAYATHING_HOST" in found.advice) == ("fail", True)


def test_a_public_address_without_keys_fails_and_is_a_warning_where_it_is_meant(settings: Settings) -> None:
    public = changed(settings, host="0.0.0.0")
    assert check_keys(settings).verdict == "ok"
    found = check_keys(public)
    assert (found.verdict, "sayathing keys create" in found.advice) == ("fail", True)
    assert check_keys(changed(public, allow_no_keys=True)).verdict == "warn"
    assert not settings.broker_path.exists()


def test_keys_of_the_settings_and_of_the_store_are_keys(settings: Settings) -> None:
    public = changed(settings, host="0.0.0.0")
    assert check_keys(changed(public, api_keys=(KnownKey.configured(SECRET),))).verdict == "ok"
    database = Database(settings.results_url)
    migrate(database)
    assert check_keys(public).verdict == "fail"
    with database.write() as store:
        add_key(store.connection, KnownKey.configured(f"laptop={SECRET}"), now=0)
    assert check_keys(public).verdict == "ok"
    with database.write() as store:
        revoke_key(store.connection, KnownKey.configured(f"laptop={SECRET}").id, now=1)
    database.close()
    found = check_keys(public)
    assert (found.verdict, "sayathing keys forget" in found.advice) == ("warn", True)


def test_keys_that_cannot_be_read_are_no_crash(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.broker_path.write_text("This is no database. " * 1000)
    assert check_keys(changed(settings, host="0.0.0.0")).verdict == "warn"
