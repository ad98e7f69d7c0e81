"""One check of ours beside schemathesis' own.

A request that satisfies its schema may still be refused for what no schema can say: a cursor that was never given, a
time that has passed, an id of nothing. Such a refusal names a rule of its own. A refusal that names a schema keyword
means that the server and its document disagree. This tells the two apart, where `positive_data_acceptance` goes by the
status alone.
"""

import schemathesis
from schemathesis.generation import GenerationMode

KEYWORDS = {
    "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentRequired", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "given-twice", "maxItems", "maxLength", "maximum", "maxProperties", "minItems",
    "minLength", "minimum", "minProperties", "multipleOf", "not", "null", "oneOf", "pattern", "propertyNames",
    "required", "type", "uniqueItems", "unknown-field",
}  # fmt: skip


@schemathesis.check
def valid_input_satisfies_the_schema(ctx, response, case):
    """A request made from the document is never refused for a schema keyword, nor for its JSON."""
    meta = case.meta
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE or response.status_code not in (400, 422):
        return None
    problem = response.json()
    keywords = KEYWORDS.intersection(issue["code"] for issue in problem.get("issues", []))
    if problem["code"] == "input-invalid" and not keywords:
        return None
    if problem["code"] not in ("input-invalid", "malformed-json", "duplicate-key", "invalid-encoding"):
        return None
    raise AssertionError(f"a valid request was refused: {problem['detail']}")
