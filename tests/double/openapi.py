"""GitHub's published OpenAPI description as a judge: does this request, or this answer, exist there?

Requests are judged strictly: the path, every query parameter and every field of the body must be known and of
the right type, although the description itself leaves objects open. Answers are judged by their schema alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.double.state import Json
from tests.double.web import Request, Templates

METHODS = ("get", "post", "put", "patch", "delete")
COMBINED = ("allOf", "anyOf", "oneOf")


class OpenApi:
    def __init__(self, path: Path) -> None:
        self._document: Json = json.loads(path.read_bytes())
        self._paths: Json = self._document["paths"]
        self._templates = {
            method: Templates(template for template, item in self._paths.items() if method in item)
            for method in METHODS
        }
        self._validators: dict[tuple[str, str, str], tuple[Json, Draft202012Validator]] = {}

    def template(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        templates = self._templates.get(method.lower())
        return None if templates is None else templates.match(path)

    def check_request(self, request: Request) -> list[str]:
        """What GitHub would not know or not take in this request; empty when all is well."""
        found = self.template(request.method, request.path)
        if found is None:
            return [f"GitHub has no {request.method} {request.path}"]
        template, params = found
        operation = self._paths[template][request.method.lower()]
        return [
            *self._check_parameters(operation, template, params, request.query),
            *self._check_body(template, request),
        ]

    def _check_parameters(
        self, operation: Json, template: str, params: Mapping[str, str], query: Mapping[str, str]
    ) -> Iterator[str]:
        declared = [self._deref(each) for each in operation.get("parameters", ())]
        known = {each["name"]: each for each in declared if each["in"] == "query"}
        for name in query:
            if name not in known:
                yield f"{template} has no query parameter {name!r}"
        for each in declared:
            name = each["name"]
            value = params.get(name.replace("-", "_")) if each["in"] == "path" else query.get(name)
            if each["in"] == "query" and value is None and each.get("required"):
                yield f"{template}: query parameter {name!r} is required"
            if each["in"] in {"path", "query"} and value is not None:
                schema = self._resolved(each.get("schema", {}))
                if not any(
                    Draft202012Validator(schema).is_valid(candidate) for candidate in _readings(value)
                ):
                    yield f"{template}: parameter {name}={value!r} does not fit {_brief(schema)}"

    def _check_body(self, template: str, request: Request) -> Iterator[str]:
        operation = self._paths[template][request.method.lower()]
        declared = operation.get("requestBody", {}).get("content", {}).get("application/json")
        try:
            body = request.json
        except ValueError:
            yield f"{template}: the body is no JSON"
            return
        if declared is None:
            if body not in (None, {}):
                yield f"{request.method} {template} takes no body"
            return
        if body is None:
            if operation["requestBody"].get("required"):
                yield f"{request.method} {template} needs a body"
            return
        schema, validator = self._validator(template, request.method.lower(), "request")
        for error in validator.iter_errors(body):
            yield f"{request.method} {template}: {error.json_path}: {error.message[:300]}"
        for field in unknown_fields([schema], body, "$"):
            yield f"{request.method} {template}: GitHub has no field {field}"

    def check_answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        found = self.template(method, path)
        if found is None:
            return []  # the request was the mistake
        responses = self._paths[found[0]][method.lower()]["responses"]
        if str(status) not in responses:
            return []  # errors and 304 are not all written out in the description
        content = self._deref(responses[str(status)]).get("content", {})
        if "application/json" not in content:
            return []
        _, validator = self._validator(found[0], method.lower(), str(status))
        return [
            f"{method} {found[0]} {status}: {error.json_path}: {error.message[:300]}"
            for error in validator.iter_errors(body)
        ]

    # -- schemas ------------------------------------------------------------------------------------------

    def _validator(self, template: str, method: str, part: str) -> tuple[Json, Draft202012Validator]:
        key = (template, method, part)
        if key not in self._validators:
            operation = self._paths[template][method]
            holder = (
                operation["requestBody"] if part == "request" else self._deref(operation["responses"][part])
            )
            schema = self._resolved(holder["content"]["application/json"]["schema"])
            self._validators[key] = (schema, Draft202012Validator(schema))
        return self._validators[key]

    def _deref(self, node: Json) -> Json:
        while "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _resolved(self, node: Any, seen: tuple[str, ...] = ()) -> Any:
        """The schema with its references put in and OpenAPI 3.0's ``nullable`` said in JSON Schema's
        words."""
        if isinstance(node, list):
            return [self._resolved(each, seen) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            if node["$ref"] in seen:  # a schema within itself: its inner copy is left open
                return {}
            return self._resolved(self._deref(node), (*seen, node["$ref"]))
        plain = {
            key: self._resolved(value, seen)
            for key, value in node.items()
            if key
            not in {"example", "examples", "description", "nullable", "x-github", "externalDocs", "default"}
            or (isinstance(value, dict) and "type" in value)
        }
        return {"anyOf": [{"type": "null"}, plain]} if node.get("nullable") is True else plain


def _readings(value: str) -> Iterator[Any]:
    """A parameter is text on the wire; what it may mean."""
    yield value
    if value in {"true", "false"}:
        yield value == "true"
    if value.lstrip("-").isdigit():
        yield int(value)
    yield value.split(",")


def _brief(schema: Json) -> str:
    return json.dumps({key: schema[key] for key in ("type", "enum") if key in schema})


def _flat(schemas: list[Json]) -> Iterator[Json]:
    """A schema and all that are combined in it at the same place."""
    for schema in schemas:
        if isinstance(schema, dict):
            yield schema
            for word in COMBINED:
                yield from _flat(schema.get(word, []))


def unknown_fields(schemas: list[Json], value: Any, at: str) -> Iterator[str]:
    """Fields of ``value`` that no schema for this place names. A place for which nothing is named at all
    is free."""
    here = list(_flat(schemas))
    if isinstance(value, list):
        items = [each["items"] for each in here if "items" in each]
        for index, each in enumerate(value):
            yield from unknown_fields(items, each, f"{at}[{index}]")
    if not isinstance(value, dict):
        return
    free = [
        each["additionalProperties"] for each in here if isinstance(each.get("additionalProperties"), dict)
    ]
    named = any("properties" in each for each in here)
    for name, below in value.items():
        inner = [each["properties"][name] for each in here if name in each.get("properties", {})]
        if inner or free:
            yield from unknown_fields(inner or free, below, f"{at}.{name}")
        elif named:
            yield f"{at}.{name}"
