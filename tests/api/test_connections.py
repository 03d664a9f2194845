"""What is in the way between here and the API: each thing told apart, the cause first, and nothing of the key."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import traceback
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey
from pydantic import SecretStr
from yarl import URL

from layers_etl.api import LayersClient, RetryPolicy, Timeouts
from layers_etl.api.connections import explain
from layers_etl.api.network import find_route
from layers_etl.domain.network import Network
from layers_etl.domain.readings import RequestRecord
from layers_etl.errors import ApiError, UnavailableError
from tests.api.conftest import IMPATIENT, KEY, UNHURRIED, Reply, Server, in_turn, talking

Run = Callable[[Any], Any]
CERTIFICATES: Final = Path(__file__).with_name("certificates")
AUTHORITY: Final = CERTIFICATES / "authority.pem"
TRUSTING: Final = Network(authority_file=AUTHORITY)
API: Final = "https://api.layers.test"
"""A name that only a proxy of these tests can resolve."""

PASSWORD: Final = "p@ss/word#1"
WRITTEN: Final = "p%40ss%2Fword%231"
IDENTITY: Final = Reply({"organizationId": "org_1", "scopes": []})
CUT: Final = Reply({}, headers={"Content-Length": "9999"}, cut_at=0)
PATIENT: Final = replace(IMPATIENT, attempts=6)


async def ask(base_url: str, network: Network, **options: Any) -> tuple[Any, list[RequestRecord]]:
    """Who the key is, or the error; with the records of the requests."""
    records = list[RequestRecord]()
    usual: dict[str, Any] = {
        "requests_per_minute": 10_000_000,
        "retry": PATIENT,
        "timeouts": UNHURRIED,
        "on_request": records.append,
    }
    key = SecretStr(KEY)
    async with LayersClient(base_url=base_url, api_key=key, network=network, **(usual | options)) as client:
        try:
            return await client.fetch_identity(), records
        except ApiError as error:
            failure = error
        told = [repr(failure), repr(vars(failure)), *traceback.format_exception(failure), repr(vars(client))]
        assert [secret for secret in (KEY, PASSWORD, WRITTEN) if secret in "".join(told)] == []
        return failure, records


@asynccontextmanager
async def listening(handle: Any, certificate: str | None = None) -> AsyncGenerator[int]:
    """The port of a server on loopback, which speaks TLS where it has a certificate."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / f"{certificate}.pem", CERTIFICATES / "server.key")
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class ConnectProxy:
    """A proxy that tunnels whatever it is asked to to one ``port``, or answers ``status``.

    ``asked`` are the heads that it was sent. Where it has a ``login``, it lets through who knows it.
    """

    port: int = 0
    status: int | None = None
    login: str | None = None
    asked: list[str] = field(default_factory=list[str])

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        expected = f"Proxy-Authorization: Basic {b64encode((self.login or '').encode()).decode()}"
        status = self.status or (407 if self.login and expected not in head else 200)
        writer.write(f"HTTP/1.1 {status} As Told\r\n\r\n".encode())
        if status == 200:
            there, to_there = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(_pass_on(reader, to_there), _pass_on(there, writer))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def behind(proxy: ConnectProxy, certificate: str | None = None) -> AsyncGenerator[tuple[str, Server]]:
    """Where ``proxy`` listens, and the API that it leads to."""
    api = Server(lambda _: IDENTITY)
    async with listening(api.handle, "good") as proxy.port, listening(proxy.handle, certificate) as port:
        yield f"127.0.0.1:{port}", api


def proxied(proxy: str, **others: Any) -> Network:
    """A network with this proxy alone, trusting the API's certificate."""
    return replace(TRUSTING, proxies={"HTTPS_PROXY": SecretStr(proxy)}, **others)


async def greet_in_plain_text(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_name_that_nobody_knows_is_told_with_what_else_it_may_be(run: Run) -> None:
    error, (record,) = run(ask("https://nonexistent.invalid", Network()))
    assert isinstance(error, UnavailableError) and error.code == record.code == "CONNECTION"
    assert str(error).startswith("The name nonexistent.invalid is not known: there is no network or no name server")
    assert "if a proxy is needed here, set HTTPS_PROXY" in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_on_which_nobody_listens_is_told_as_that(run: Run, scheme: str) -> None:
    port = unused_port()
    error, _ = run(ask(f"{scheme}://127.0.0.1:{port}", Network()))
    assert str(error).startswith(f"The connection to 127.0.0.1:{port} is refused: nothing listens there, or a firewall")
    assert str(error).endswith("check LAYERS_BASE_URL and the network (asking who the key is)")


async def ask_there(handle: Any, certificate: str | None, base_url: str, network: Network, **options: Any) -> Any:
    async with listening(handle, certificate) as port:
        return await ask(f"{base_url}:{port}", network, **options)


@pytest.mark.parametrize(
    ("certificate", "host", "network", "words"),
    [
        ("good", "localhost", Network(), ["is signed by nobody whom this machine trusts", "set SSL_CERT_FILE to"]),
        ("good", "127.0.0.1", TRUSTING, ["is for another name", "correct LAYERS_BASE_URL"]),
        ("expired", "localhost", TRUSTING, ["has expired", "set this machine's clock"]),
        ("early", "localhost", TRUSTING, ["is not valid yet", "set this machine's clock"]),
    ],
)
def test_a_certificate_that_is_not_accepted_says_why_and_is_not_tried_again(
    run: Run, certificate: str, host: str, network: Network, words: list[str]
) -> None:
    api = Server(lambda _: IDENTITY)
    error, (record,) = run(ask_there(api.handle, certificate, f"https://{host}", network))
    assert isinstance(error, UnavailableError) and error.code == "CERTIFICATE"
    assert str(error).startswith(f"The certificate of {host}:")
    assert all(part in str(error) for part in [*words, "nothing was sent"])
    assert record.attempts == 1 and api.asked == []


def test_an_authority_that_the_machine_is_told_of_is_trusted(run: Run) -> None:
    api = Server(lambda _: IDENTITY)
    identity, _ = run(ask_there(api.handle, "good", "https://localhost", TRUSTING))
    assert identity.organization_id == "org_1"
    assert [asked.headers["authorization"] for asked in api.asked] == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("handle", "certificate", "base_url", "words"),
    [
        (greet_in_plain_text, None, "https://localhost", "What listens at localhost:{port} does not speak TLS"),
        (hang_up, None, "https://localhost", "localhost:{port}"),
        (say_nothing, "good", "http://127.0.0.1", "127.0.0.1:{port}"),
        (hang_up, None, "http://127.0.0.1", "The connection to 127.0.0.1:{port} was cut before an answer was whole"),
    ],
)
def test_a_port_that_speaks_something_else_is_told_as_that(
    run: Run, handle: Any, certificate: str | None, base_url: str, words: str
) -> None:
    async def find_out() -> tuple[Any, int]:
        async with listening(handle, certificate) as port:
            error, _ = await ask(f"{base_url}:{port}", TRUSTING)
            return error, port

    error, port = run(find_out())
    assert isinstance(error, UnavailableError) and error.code == "CONNECTION"
    assert words.format(port=port) in str(error)
    assert "LAYERS_BASE_URL" in str(error)


def test_what_is_no_http_is_told_without_a_word_of_it(run: Run) -> None:
    async def parrot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    error, _ = run(ask_there(parrot, None, "http://127.0.0.1", Network()))
    assert "is no HTTP answer" in str(error) and "https:// if TLS is spoken there" in str(error)


def test_a_host_that_stays_silent_while_a_connection_is_made_is_told_as_that(run: Run) -> None:
    hurry = {"timeouts": Timeouts(connect=0.2), "retry": replace(IMPATIENT, attempts=1)}
    error, _ = run(ask_there(say_nothing, None, "https://localhost", Network(), **hurry))
    assert error.code == "TIMEOUT" and str(error).startswith("There was no connection to localhost:")


@pytest.mark.slow
def test_a_host_that_takes_the_question_and_does_not_answer_is_told_as_that(run: Run) -> None:
    hurry = {"timeouts": Timeouts(total=3), "retry": replace(IMPATIENT, attempts=1)}
    error, _ = run(ask_there(say_nothing, None, "http://127.0.0.1", Network(), **hurry))
    assert error.code == "TIMEOUT" and str(error).startswith("There was no whole answer from 127.0.0.1:")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            OSError(errno.ENETUNREACH, "x"),
            "there is no way from here to api.layers.com:443: this machine has no network",
        ),
        (OSError(errno.EHOSTUNREACH, "x"), "there is no way from here to api.layers.com:443"),
        (
            OSError("Multiple exceptions: [Errno 101] x, [Errno 111] y"),
            "the connection to api.layers.com:443 is refused",
        ),
        (
            OSError(f"Multiple: [Errno {errno.ENETUNREACH}] x, [Errno {errno.EHOSTUNREACH}] y"),
            "there is no way from here to api.layers.com",
        ),
        (ConnectionResetError(errno.ECONNRESET, "x"), "there is no connection to api.layers.com:443 (connection reset"),
        (OSError("x"), "there is no connection to api.layers.com:443 (OSError)"),
    ],
)
def test_a_machine_without_a_network_is_told_so_and_a_host_of_several_addresses_by_the_one_that_can_be_had(
    cause: OSError, words: str
) -> None:
    key = ConnectionKey("api.layers.com", 443, True, True, None, None, None)
    api = "https://api.layers.com"
    found = explain(aiohttp.ClientConnectorError(key, cause), httpx.URL(api), find_route(URL(api), Network()))
    assert str(found).startswith(words)
    assert str(found).endswith("if a proxy is needed here, set HTTPS_PROXY")


def test_what_was_never_reached_is_given_up_after_a_few_tries(run: Run) -> None:
    _, (record,) = run(ask(f"http://127.0.0.1:{unused_port()}", Network()))
    assert record.attempts <= 3 < PATIENT.attempts


def test_these_tries_take_two_seconds_and_no_more_where_a_run_would_take_half_a_minute() -> None:
    quick, slow = (RetryPolicy().before_reached(seconds) for seconds in (0.1, 10))
    assert (quick.attempts, slow.attempts) == (3, 1)
    assert (quick.attempts - 1) * quick.wait_max <= 2
    assert IMPATIENT.before_reached(0.1).wait_max == IMPATIENT.wait_max


def test_what_was_reached_is_tried_as_often_as_the_policy_says(run: Run) -> None:
    async def lose_it(*replies: Reply) -> list[int]:
        async with talking(in_turn(*replies), retry=PATIENT) as talk:
            for _ in replies:
                with suppress(UnavailableError):
                    await talk.client.fetch_identity()
            return [record.attempts for record in talk.records]

    assert run(lose_it(IDENTITY, CUT)) == [1, PATIENT.attempts]
    _, (record,) = run(ask_there(hang_up, None, "http://127.0.0.1", Network()))
    assert record.attempts == PATIENT.attempts


def test_a_port_that_is_shut_in_the_midst_of_a_run_is_tried_as_often_too(run: Run) -> None:
    async def lose_it() -> list[int]:
        api = Server(lambda _: replace(IDENTITY, headers={"Connection": "close"}))
        records = list[RequestRecord]()
        async with AsyncExitStack() as standing:
            port = await standing.enter_async_context(listening(api.handle))
            client = LayersClient(
                base_url=f"http://127.0.0.1:{port}",
                api_key=SecretStr(KEY),
                requests_per_minute=10_000_000,
                retry=PATIENT,
                on_request=records.append,
            )
            async with client:
                await client.fetch_identity()
                await standing.aclose()
                with pytest.raises(UnavailableError, match="is refused"):
                    await client.fetch_identity()
        return [record.attempts for record in records]

    assert run(lose_it()) == [1, PATIENT.attempts]


def test_through_a_proxy_the_api_is_reached_and_the_proxy_learns_nothing_but_its_name(run: Run) -> None:
    async def read_twice() -> tuple[ConnectProxy, Server]:
        proxy = ConnectProxy()
        async with behind(proxy) as (address, api):
            key = SecretStr(KEY)
            async with LayersClient(base_url=API, api_key=key, network=proxied(f"http://{address}")) as client:
                for _ in range(2):
                    assert (await client.fetch_identity()).organization_id == "org_1"
        return proxy, api

    proxy, api = run(read_twice())
    (head,) = proxy.asked
    assert head.startswith("CONNECT api.layers.test:443 HTTP/1.1\r\n")
    assert KEY not in head and "authorization" not in head.lower()
    assert [asked.headers["authorization"] for asked in api.asked] == [f"Bearer {KEY}"] * 2
    assert all("proxy-authorization" not in asked.headers for asked in api.asked)


async def ask_behind(proxy: ConnectProxy, login: str = "", certificate: str | None = None) -> tuple[Any, str, int]:
    scheme, host = ("https", "localhost") if certificate else ("http", "127.0.0.1")
    async with behind(proxy, certificate) as (address, api):
        place = f"{scheme}://{address.replace('127.0.0.1', host)}"
        outcome, (record,) = await ask(API, proxied(f"{scheme}://{login}{place.partition('//')[2]}"))
        assert len(api.asked) <= 1
        return outcome, place, record.attempts


def test_a_proxy_is_given_the_name_and_password_and_the_api_is_not(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = ConnectProxy(login=f"reader:{PASSWORD}")
    identity, _, _ = run(ask_behind(proxy, f"reader:{WRITTEN}@"))
    assert identity.organization_id == "org_1"
    assert PASSWORD not in caplog.text and WRITTEN not in caplog.text


def test_a_proxy_may_itself_speak_tls(run: Run) -> None:
    proxy = ConnectProxy()
    identity, _, _ = run(ask_behind(proxy, certificate="good"))
    assert identity.organization_id == "org_1" and len(proxy.asked) == 1
    error, place, attempts = run(ask_behind(proxy, certificate="expired"))
    assert str(error).startswith(f"The certificate of the proxy {place} (HTTPS_PROXY) has expired")
    assert attempts == 1


@pytest.mark.parametrize(
    ("proxy", "login", "words", "attempts"),
    [
        (ConnectProxy(login="reader:x"), "", "asks for a name and password (407); set HTTPS_PROXY to", 1),
        (ConnectProxy(login="reader:x"), f"reader:{WRITTEN}@", "does not accept the name and password (407)", 1),
        (ConnectProxy(status=403), "", "does not let anybody through to api.layers.test:443 (403); have", 1),
        (ConnectProxy(status=302), "", "does not let anybody through to api.layers.test:443 (302); have", 1),
        (ConnectProxy(status=502), "", "cannot reach api.layers.test:443 (502)", 3),
    ],
)
def test_a_proxy_that_refuses_says_what_it_wants(
    run: Run, proxy: ConnectProxy, login: str, words: str, attempts: int
) -> None:
    error, place, tried = run(ask_behind(proxy, login))
    assert isinstance(error, UnavailableError)
    assert str(error).startswith(f"The proxy {place} (HTTPS_PROXY) {words}")
    assert 1 <= tried <= attempts


@pytest.mark.parametrize("name", ["127.0.0.1", "nonexistent.invalid"])
def test_a_proxy_that_is_not_there_is_told_as_the_proxy(run: Run, name: str) -> None:
    port = unused_port()
    error, _ = run(ask(API, proxied(f"http://reader:{WRITTEN}@{name}:{port}")))
    assert "check HTTPS_PROXY and the network" in str(error)
    assert (f"the proxy http://127.0.0.1:{port}" if name == "127.0.0.1" else name) in str(error)


def test_a_proxy_that_does_not_speak_tls_is_asked_for_by_http(run: Run) -> None:
    async def mistake() -> tuple[Any, int]:
        async with listening(greet_in_plain_text) as port:
            return (await ask(API, proxied(f"https://localhost:{port}")))[0], port

    error, port = run(mistake())
    assert str(error).startswith(f"What listens at the proxy https://localhost:{port} (HTTPS_PROXY) does not speak TLS")
    assert "check HTTPS_PROXY, which then begins with http://" in str(error)


def test_behind_a_proxy_the_apis_own_certificate_is_still_told_as_the_apis(run: Run) -> None:
    async def distrust() -> Any:
        proxy = ConnectProxy()
        async with behind(proxy) as (address, api):
            error, _ = await ask(API, replace(proxied(f"http://{address}"), authority_file=None))
            assert api.asked == []
            return error

    assert str(run(distrust())).startswith("The certificate of api.layers.test:443 through the proxy http://127.0.0.1:")


def test_this_machine_is_never_reached_through_a_proxy(run: Run) -> None:
    nowhere = proxied(f"http://127.0.0.1:{unused_port()}")

    async def near() -> None:
        api = Server(lambda _: IDENTITY)
        async with listening(api.handle) as plain, listening(api.handle, "good") as encrypted:
            for url in (f"http://127.0.0.1:{plain}", f"http://localhost:{plain}", f"https://localhost:{encrypted}"):
                identity, _ = await ask(url, nowhere)
                assert identity.organization_id == "org_1"

    run(near())


def test_neither_netrc_nor_the_environment_reaches_a_request(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    api = Server(lambda _: IDENTITY)
    for certificate, url in (("good", "https://localhost"), (None, "http://localhost")):
        identity, _ = run(ask_there(api.handle, certificate, url, TRUSTING))
        assert identity.organization_id == "org_1"
    assert {asked.headers["authorization"] for asked in api.asked} == {f"Bearer {KEY}"}
