"""The official SDKs of OpenAI and Anthropic call the provider of this machine: messages, streams, tools."""

import json
import os

import anthropic
import openai

URL, KEY = os.environ["PROVIDER_URL"], os.environ["PROVIDER_KEY"]
LOOK = {"type": "object", "properties": {"path": {"type": "string"}}}
TURNS = [
    {"reasoning": "Hm.", "text": "I look.", "calls": [{"name": "look", "arguments": {"path": "a"}}]},
    {"text": "Seen: {results}"},
]
PROMPT = "Do what is written.\nscript: " + json.dumps(TURNS)


def with_anthropic():
    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
    asked = dict(model="claude-opus-4-6", max_tokens=2048, thinking={"type": "adaptive"},
                 tools=[{"name": "look", "description": "Looks.", "input_schema": LOOK}])
    messages = [{"role": "user", "content": PROMPT}]
    whole = client.messages.create(messages=messages, **asked)
    with client.messages.stream(messages=messages, **asked) as stream:
        words = "".join(stream.text_stream)
        first = stream.get_final_message()
    assert words == "I look." and first.stop_reason == whole.stop_reason == "tool_use", first
    assert [b.type for b in first.content] == [b.type for b in whole.content] == ["thinking", "text", "tool_use"]
    call = first.content[-1]
    assert call.name == "look" and call.input == {"path": "a"}, call
    messages += [{"role": "assistant", "content": first.content},
                 {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "done"}]}]
    assert client.messages.create(messages=messages, **asked).content[0].text == "Seen: done"
    assert [m.id for m in client.models.list()] == ["large", "small"]


def with_responses(client):
    asked = dict(model="o3", store=False, include=["reasoning.encrypted_content"], reasoning={"effort": "low"},
                 tools=[{"type": "function", "name": "look", "parameters": LOOK, "strict": False}])
    with client.responses.stream(input=PROMPT, **asked) as stream:
        words = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        first = stream.get_final_response()
    assert words == first.output_text == "I look.", first
    call = first.output[-1]
    assert call.type == "function_call" and json.loads(call.arguments) == {"path": "a"}, call
    history = [{"role": "user", "content": PROMPT}] + [item.model_dump(exclude_none=True) for item in first.output]
    for item in history:
        item.pop("parsed_arguments", None)
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "done"})
    assert client.responses.create(input=history, **asked).output_text == "Seen: done"


def with_chat(client):
    asked = dict(model="small", tools=[{"type": "function", "function": {"name": "look", "parameters": LOOK}}])
    messages = [{"role": "user", "content": PROMPT}]
    with client.chat.completions.stream(messages=messages, **asked) as stream:
        first = stream.get_final_completion().choices[0].message
    assert first.content == "I look.", first
    whole = client.chat.completions.create(messages=messages, **asked).choices[0].message
    call = whole.tool_calls[0]
    assert json.loads(call.function.arguments) == {"path": "a"}, call
    messages += [whole, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    assert client.chat.completions.create(messages=messages, **asked).choices[0].message.content == "Seen: done"
    assert [m.id for m in client.models.list()] == ["large", "small"]


def refusals(client):
    try:
        client.chat.completions.create(model="unknown", messages=[{"role": "user", "content": "x"}])
        raise AssertionError("an unknown model answered")
    except openai.NotFoundError:
        pass
    try:
        anthropic.Anthropic(base_url=URL, api_key="wrong", max_retries=0).models.list()
        raise AssertionError("a wrong key was let in")
    except anthropic.AuthenticationError:
        pass


openai_client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)
with_anthropic()
with_responses(openai_client)
with_chat(openai_client)
refusals(openai_client)
print("the SDKs of Anthropic and OpenAI were answered")
