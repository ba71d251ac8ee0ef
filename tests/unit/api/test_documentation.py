"""The OpenAPI document and docs/api.md say what there is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.api.examples import EXAMPLE_TASK
from app.api.problems import KINDS
from app.api.task_bodies import TaskBody
from app.domain import errors
from app.domain.openai_names import MODELS, VOICE_ALIASES
from app.domain.voices import VoiceMix
from tests.support.api import Api

PROJECT = Path(__file__).parents[3]
REFERENCE = (PROJECT / "docs" / "api.md").read_text()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, each in document["paths"].items() for method, operation in each.items()]


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    return found


def test_every_kind_of_problem_is_in_the_reference() -> None:
    for kind in KINDS.values():
        assert f"| `{kind.type}` | {kind.status} |" in REFERENCE, kind.slug


def test_every_reason_for_which_a_task_can_fail_is_in_the_reference() -> None:
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.SpeechError) and "type" in vars(error):
            assert f"| `{error.type}` |" in REFERENCE, error


def test_every_address_is_in_the_reference(document: dict[str, Any]) -> None:
    for path, method, _ in operations(document):
        assert f"{method.upper()} {path}".replace("{task_id}", "{id}") in REFERENCE


def test_every_operation_has_a_name_a_summary_a_tag_and_its_problems(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    known = {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert set(operation["tags"]) <= known
        status, shape = ("400", "application/json") if path.startswith("/v1/") else ("422", "application/problem+json")
        assert shape in operation["responses"][status]["content"], (method, path)


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for inner in value.values() for found in references(inner)]
        return [found for inner in value for found in references(inner)] if isinstance(value, list) else []

    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_openais_names_are_in_the_reference_with_what_they_stand_for() -> None:
    for name, alias in VOICE_ALIASES.items():
        assert f"| `{name}` | `{alias.kokoro}` | `{alias.espeak}` |" in REFERENCE
        assert VoiceMix.parse(alias.kokoro).engine == "kokoro"
        assert VoiceMix.parse(alias.espeak).engine == "espeak"
    for model in MODELS:
        assert f"`{model}`" in REFERENCE


def test_the_example_of_a_task_is_a_task() -> None:
    assert TaskBody.model_validate(EXAMPLE_TASK).model_dump(mode="json", by_alias=True) == EXAMPLE_TASK


def test_the_web_process_loads_no_model_and_no_worker() -> None:
    heavy = {"numpy", "onnxruntime", "torch", "av", "misaki", "actors", "espeakng_loader"}
    asks = f"import app.main, sys; print(sorted({heavy!r} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", asks], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
