"""Who plays: people and bots, with money and faces."""

import pytest
from django.test import Client

from sandbox.playground import faces
from sandbox.tests.playing import ask


def test_a_group_of_people_and_bots_with_money_and_faces(played):
    assert played["number"] == 103
    assert [one["nickname"] for one in played["people"]] == list(faces.NAMES[:3])
    assert len({one["avatar"] for one in played["people"]}) == 3
    assert all(one["avatar"].startswith("data:image/png;base64,") for one in played["people"])
    for user in (played["people"][2]["user_id"], f"{played['group']}.b100"):
        given = ask("token", {"user_id": user}).json()["token"]
        caller = Client(headers={"authorization": f"Bearer {given}"})
        assert caller.get("/api/v1/wallet").json()["balance"] == "200.00"
        group = caller.get(f"/api/v1/groups/{played['group']}").json()
        assert group["number"] == 103
    assert ask("start", {"phones": 1}).json()["group"] != played["group"]


@pytest.mark.once
def test_every_face_fits_into_a_profile():
    assert max(len(faces.face(number)) for number in range(120)) <= 512
    assert len(set(faces.BOT_NAMES)) == 100


@pytest.mark.once
@pytest.mark.parametrize("phones", [0, 7, "3", 2.0, True, None])
def test_so_many_phones_there_are(phones):
    assert ask("start", {"phones": phones}).status_code == 400
