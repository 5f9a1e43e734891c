"""Every message survives the pipe, and what is no message is refused."""

import dataclasses

import pytest
from nextgenface.engine import protocol
from nextgenface.engine.protocol import (
    EVENTS,
    FINAL_EVENTS,
    REQUESTS,
    Failed,
    PhotoResult,
    Progress,
    ProtocolError,
    Result,
    StartJob,
    decode,
    encode,
)

EXAMPLES = {
    "str": 'grüße\n"x" \u2028',
    "int": 7,
    "float": 0.25,
    "float | None": None,
    "bool": True,
    "list[str]": ["a", "b"],
    "list[int]": [1, 2],
    "list[float]": [0.5, -2.0],
    "dict[str, Any]": {"seed": 3},
    "list[dict[str, Any]]": [{"name": "LLVM", "ok": True}],
}


def _filled(kind):
    return kind(**{item.name: EXAMPLES[item.type] for item in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", REQUESTS + EVENTS, ids=lambda kind: kind.kind)
def test_a_message_comes_back_from_its_line_as_it_was(kind):
    message = _filled(kind)
    line = encode(message)
    assert "\n" not in line
    assert decode(line) == message


def test_every_message_class_has_a_kind_of_its_own():
    classes = [
        item
        for item in vars(protocol).values()
        if isinstance(item, type) and issubclass(item, protocol.Message) and item is not protocol.Message
    ]
    assert set(classes) == set(REQUESTS + EVENTS)
    assert len({item.kind for item in classes}) == len(classes)
    assert set(FINAL_EVENTS) <= set(EVENTS)
    for item in FINAL_EVENTS:
        assert "job" in {entry.name for entry in dataclasses.fields(item)}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "[]",
        "3",
        "null",
        "{}",
        '{"kind": "dance"}',
        '{"kind": "failed", "colour": 1}',
        '{"kind": ["failed"]}',
    ],
)
def test_a_line_that_is_no_message_is_a_protocol_error(line):
    with pytest.raises(ProtocolError):
        decode(line)


def test_a_number_that_json_has_not_is_refused():
    with pytest.raises(ValueError):
        encode(Progress(loss=float("nan")))


def test_absent_fields_keep_their_defaults():
    assert decode('{"kind": "start_job", "job": "a"}') == StartJob(job="a")
    assert decode('{"kind": "failed"}') == Failed()


def _result():
    photo = PhotoResult(
        "photo_0.png",
        10,
        20,
        30.0,
        5.0,
        10.0,
        [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]],
        [0, 0, -600],
        "e.exr",
        "r.png",
        "c.png",
    )
    return Result(name="A", diffuse="d.png", photos=[photo])


def test_a_result_comes_back_from_its_text():
    assert Result.from_json(_result().to_json()) == _result()


def test_photos_of_one_person_keep_their_order_and_a_result_from_before_meshes_had_names_still_loads():
    one = _result().photos[0]
    several = dataclasses.replace(
        _result(), photos=[dataclasses.replace(one, mesh=f"mesh{n}.obj", width=100 + n) for n in range(3)]
    )
    assert Result.from_json(several.to_json()) == several
    older = _result().to_json().replace('   "mesh": "",\n', "")
    assert older.count('"mesh"') == 1
    assert Result.from_json(older) == _result()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        _result().to_json().replace('"version": 1', '"version": 2'),
        _result().to_json().replace("cx", "dx"),
    ],
)
def test_a_text_that_is_no_result_is_a_protocol_error_with_a_remedy(text):
    with pytest.raises(ProtocolError) as caught:
        Result.from_json(text)
    assert caught.value.remedy
