"""One check of ours beside schemathesis' own, and what keeps it at home.

Addresses that are made up may be somebody's. Every address in a body is moved to this machine before it is sent, where
the server refuses it: what happens when a service does not answer is a test of the tools.

A request that satisfies its schema may still be refused for what no schema can say: a cursor that was never given, a
time that has passed, an id of nothing. Such a refusal names a rule of its own. A refusal that names a schema keyword
means that the server and its document disagree. This tells the two apart, where `positive_data_acceptance` goes by the
status alone.
"""

import json
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis.generation import GenerationMode

KEYWORDS = {
    "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentRequired", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "given-twice", "maxItems", "maxLength", "maximum", "maxProperties", "minItems",
    "minLength", "minimum", "minProperties", "multipleOf", "not", "null", "oneOf", "pattern", "propertyNames",
    "required", "type", "uniqueItems", "unknown-field",
}  # fmt: skip


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Keeps made-up addresses from reaching anybody."""
    stay_at_home(case.body)


def stay_at_home(value):
    """Moves every `url` below a value to this machine."""
    if isinstance(value, list):
        for item in value:
            stay_at_home(item)
    if not isinstance(value, dict):
        return
    for name, field in value.items():
        if name == "url" and isinstance(field, str) and is_address(field):
            value[name] = "http://127.0.0.1:9/"
        else:
            stay_at_home(field)


def is_address(text):
    """Whether a client could take the text for an address with a host."""
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:
        return False


@schemathesis.check
def valid_input_satisfies_the_schema(ctx, response, case):
    """A request made from the document is never refused for a schema keyword, nor for its JSON."""
    meta = case.meta
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE or response.status_code not in (400, 422):
        return None
    problem = response.json()
    keywords = KEYWORDS.intersection(issue["code"] for issue in problem.get("issues", []))
    if case.method == "GET":
        # Parameters are described one by one: what one of them asks of another, their document cannot say.
        keywords.discard("dependentRequired")
    if problem["code"] == "input-invalid" and not keywords:
        return None
    if problem["code"] not in ("input-invalid", "malformed-json", "duplicate-key", "invalid-encoding"):
        return None
    if written_twice(response.request.url):
        return None
    raise AssertionError(f"a valid request was refused: {problem['detail']}")


def written_twice(url):
    """Whether a parameter is a JSON text of a JSON text: schemathesis writes some lists of objects so, by mistake."""
    values = (value for _, value in parse_qsl(urlsplit(url).query))
    return any(isinstance(inner, str) and isinstance(read(inner), (dict, list)) for inner in map(read, values))


def read(text):
    """The value of a JSON text; nothing for any other text."""
    try:
        return json.loads(text)
    except ValueError:
        return None
