"""Every route of the desk opens for exactly the roles that have its rights, and describes itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from central_server.staff.rights import RIGHTS, ROLES, rights_of

PLACES = {
    "{programme}": "gift", "{card}": "C" + "A" * 16, "{purse}": "P" + "A" * 16, "{lease}": "L" + "A" * 16,
    "{hold}": "0" * 32, "{id}": "A" + "0" * 24, "{batch}": "B1", "{item}": "mug",
    "{member}": "MWANG23456AAA", "{form}": "csv", "{store}": "s1", "{what}": "stop",
}  # fmt: skip
Asked = tuple[str, str, str, frozenset[str]]  # method, pattern, address, rights


def routes_of(app: FastAPI) -> Iterator[Asked]:
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None:  # static files, the API's description
            continue
        path = route.path
        for place, value in PLACES.items():
            path = path.replace(place, value)
        for method in sorted(route.methods or ()):
            yield method, route.path, path, frozenset(rights_in(dependant))


def rights_in(dependant: Dependant) -> Iterator[str]:
    yield from getattr(dependant.call, "rights", ())
    for inner in dependant.dependencies:
        yield from rights_in(inner)


async def test_every_route_opens_for_exactly_the_roles_that_have_its_rights(app, client, as_, gift) -> None:
    asked = [each for each in routes_of(app) if "{" not in each[2]]
    assert len(asked) > 80
    for _, pattern, _, rights in asked:
        assert rights, f"{pattern} asks for nothing"
        assert rights <= set(RIGHTS)
    for role in ROLES:
        for method, pattern, path, rights in asked:
            answer = await client.request(method, path, headers=as_(role))
            may = rights <= rights_of([role])
            assert (answer.status_code != 403) == may, f"{role} {method} {pattern}: {answer.status_code}"
            assert answer.status_code < 500, f"{role} {method} {pattern}: {answer.text[:200]}"


async def test_nobody_gets_in_without_signing_in(app, client, gift) -> None:
    for method, pattern, path, _ in routes_of(app):
        answer = await client.request(method, path)
        if pattern.startswith("/api/"):
            assert answer.status_code == 401, path
        else:
            assert answer.status_code == (303 if method == "GET" else 403), path


async def test_every_answer_has_a_model_and_no_request_takes_unknown_fields(client) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()
    models = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            good = next(answers[status] for status in ("200", "201", "202", "204") if status in answers)
            assert good.get("content"), f"{method} {path}"
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                name = body["schema"]["$ref"].rpartition("/")[2]
                assert models[name].get("additionalProperties") is False, f"{method} {path}: {name}"
                if method == "post" and "Idempotency-Key" in str(operation.get("parameters")):
                    assert "id" in models[name]["properties"]


async def test_whatever_moves_something_carries_a_key(client) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()
    without = {
        path
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method == "post" and "Idempotency-Key" not in str(operation.get("parameters"))
    }
    # what only asks, or is the same when done twice
    assert {path.removeprefix("/api/v1") for path in without} >= {"/balance", "/approvals/{id}/decide"}
    assert not [path for path in without if any(word in path for word in ("load", "spend", "hold", "refund"))]
