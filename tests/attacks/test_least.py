"""What was stolen opens little, and not for long: a token, a service key, an account."""

import errno
import re
import stat
import time
from ipaddress import ip_network
from pathlib import Path

import jwt
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from redis.exceptions import NoPermissionError

from kit.plumbing import redis
from packets.states import Kind
from testing.make import Api, make_paid_packet, service, user
from tests.private import NOBODY, OPEN, may_become_others, open_to_others, try_root


def test_a_token_for_a_year_opens_nothing(capsys):
    """Whoever found it in a backup had a purse for a year. What `token` prints is for a day."""
    claims = {"sub": "alice", "iat": int(time.time()), "exp": int(time.time()) + 365 * 86_400}
    stolen = jwt.encode(claims, settings.REDPACKET_JWT_SECRET, "HS256")

    answer = Api(stolen).get("wallet")
    call_command("token", "alice")
    printed = capsys.readouterr().out.strip()

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert Api(printed).get("wallet").status_code == 200


def test_a_stolen_key_for_members_reads_no_events(settings):
    """Both together were a way to money: read which packets there are, join, grab."""
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    settings.REDPACKET_SERVICE_KEY = "members:stolen,events:the-chat-servers"

    news = Api("stolen").get("service/events?after=0")
    joined = Api("stolen").put("service/groups/g1/members/mallory")
    known = Api("the-chat-servers").get("service/events?after=0")

    assert (news.status_code, news.json()["code"]) == (403, "forbidden")
    assert packet.public_id not in news.content.decode()
    assert joined.status_code == 204  # what a key for members is for; the runbook says so
    assert packet.public_id in known.content.decode()


def test_a_stolen_key_for_events_joins_no_group(settings):
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    settings.REDPACKET_SERVICE_KEY = "members:the-chat-servers,events:stolen"

    joined = Api("stolen").put("service/groups/g1/members/mallory")
    replaced = Api("stolen").put("service/groups/g1/members", {"members": ["mallory"]})
    named = Api("stolen").put("service/profiles/alice", {"nickname": "x", "avatar": ""})
    grabbed = user("mallory").post(f"packets/{packet.public_id}/grab")

    assert [joined.status_code, replaced.status_code, named.status_code] == [403] * 3
    assert grabbed.status_code == 404


def test_a_stolen_key_is_of_no_use_elsewhere(settings, caplog):
    settings.REDPACKET_SERVICE_FROM = [ip_network("10.0.0.0/8")]
    settings.REDPACKET_PROXY_IP_HEADER = "HTTP_X_REAL_IP"

    at_home = service().get("service/events", X_Real_IP="10.1.2.3")
    with caplog.at_level("WARNING", "kit.http.caller"):
        away = service().get("service/events", X_Real_IP="203.0.113.9")
    claimed = service().get("service/events", X_Real_IP="10.1.2.3, 203.0.113.9")

    assert [at_home.status_code, away.status_code, claimed.status_code] == [200, 403, 403]
    assert "service_key_from_elsewhere" in caplog.text
    assert "203.0.113.9" in caplog.text


@pytest.fixture
def database(mariadb_alone) -> Path:
    """The socket of the tests' own server, which ops/servers.py started as it starts any."""
    return Path(connection.settings_dict["OPTIONS"]["unix_socket"])


def test_roots_password_is_needed_by_its_own_account_too(database):
    refused = try_root(database, "SELECT 1 INTO OUTFILE '/tmp/hongbao-attack'")

    assert refused.returncode == 1
    assert "Access denied for user 'root'" in refused.stderr


def test_another_account_of_the_machine_finds_no_socket(database):
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    assert not database.stat().st_mode & OPEN
    if may_become_others():
        refused = try_root(database, user=NOBODY, group=NOBODY, extra_groups=[])
        assert f"({errno.EACCES})" in refused.stderr


def test_temporary_tables_lie_where_no_other_server_sweeps(database):
    """A starting MariaDB empties the folder of such tables, and by default it is /tmp for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@tmpdir")
        assert cursor.fetchone() == (str(database.parent),)


def test_no_test_reaches_the_redis_of_the_others(with_redis):
    for command in (["FLUSHALL"], ["CLIENT", "PAUSE", "1"], ["SHUTDOWN", "NOSAVE"]):
        with pytest.raises(NoPermissionError):
            redis.client().execute_command(*command)


def test_the_products_account_touches_no_files(database):
    with connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        on_all = [grant for (grant,) in cursor.fetchall() if " ON *.* " in grant]
        cursor.execute("SELECT @@secure_file_priv")
        (folder,) = cursor.fetchone()
        with pytest.raises(OperationalError, match="FILE privilege"):
            cursor.execute("SELECT 1 INTO OUTFILE '/tmp/hongbao-attack'")

    assert {re.match("GRANT (.+) ON", grant)[1] for grant in on_all} <= {"USAGE", "PROCESS"}
    assert open_to_others(Path(folder)) == []
