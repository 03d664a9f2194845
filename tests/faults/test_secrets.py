"""The key appears nowhere, whatever is said, stored or shown, even where the server repeats it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import msgspec
import pytest
from pydantic import SecretStr

from layers_etl.api import LayersClient
from layers_etl.errors import RefusedError
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.fresh import of_other_programs, variables
from ..harness.instants import FIRST_MORNING
from .persistence import START, persistent

KEY = "lp_test_partner"
HIDDEN = "[api key]"

EVERY_COMMAND = """
import logging, sys, stamina
stamina.set_testing(True, attempts=2, cap=True)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from layers_etl.cli.app import main
for arguments in (
    ["doctor"],
    ["run"],
    ["backfill", "--since", "2026-03-30", "--until", "2026-04-01"],
    ["status"],
    ["status", "--json"],
):
    sys.argv = ["layers-etl", *arguments]
    try:
        main()
    except SystemExit as ended:
        print("ENDED", arguments[0], ended.code, flush=True)
    logging.getLogger("layers_etl").propagate = True
"""


@dataclass
class Parrot:
    """A server before the sandbox that repeats the key to whoever asks about one of ``victims``, each in its way."""

    behind: str
    victims: list[str]
    refuses_after: int | None = None
    url: str = ""
    _asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        with self._lock:
            self._asked += 1
            refused = self.refuses_after is not None and self._asked > self.refuses_after
        error = {"error": {"code": "INTERNAL", "message": f"with {authorization}", "details": {"key": authorization}}}
        if refused:
            error["error"]["code"] = "UNAUTHENTICATED"
            return 401, {"X-Request-Id": f"req_{authorization}"}, msgspec.json.encode(error)
        entity = parse_qs(urlsplit(target).query).get("id", [""])[0]
        json = {"Content-Type": "application/json", "X-Request-Id": "req_parrot"}
        said = dict(
            zip(
                self.victims,
                [
                    (409, {**json, "X-Request-Id": authorization}, msgspec.json.encode(error)),
                    (302, {**json, "Location": f"https://elsewhere.example/?{authorization}"}, b""),
                    (200, json, msgspec.json.encode({"window": authorization, "series": [authorization]})),
                    (200, {"Content-Type": f"text/{authorization.rsplit(maxsplit=1)[-1]}"}, authorization.encode()),
                ],
                strict=True,
            )
        )
        if entity in said:
            return said[entity]
        connection = HTTPConnection(urlsplit(self.behind).netloc)
        connection.request("GET", target, headers={"Authorization": authorization})
        answer = connection.getresponse()
        body = answer.read().replace(b'"items":[{', b'"items":[{"seen":"%s",' % authorization.encode())
        return answer.status, {**json, "Date": answer.headers["Date"]}, body


@pytest.fixture
def parrot(tmp_path: Path) -> Iterator[Parrot]:
    with SandboxServer(WorldConfig(accounts=2, campaigns=5), now=FIRST_MORNING) as sandbox:
        parrot = Parrot(sandbox.url, persistent(sandbox, tmp_path).spenders()[:4])

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = parrot.answer(self.path, self.headers["Authorization"])
                self.send_response_only(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        parrot.url = f"http://127.0.0.1:{server.server_port}"
        yield parrot
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_the_key_is_in_no_output_no_file_and_no_table(parrot: Parrot, tmp_path: Path) -> None:
    data = tmp_path / "data"
    ours = variables(parrot.url, data, START, LAYERS_API_KEY=KEY, PYTHONASYNCIODEBUG="1")
    ended = subprocess.run(
        [sys.executable, "-c", EVERY_COMMAND],
        cwd=tmp_path,
        env=of_other_programs() | ours,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    codes = [line.removeprefix("ENDED ") for line in ended.stdout.splitlines() if line.startswith("ENDED ")]
    assert codes == ["doctor 1", "run 1", "backfill 1", "status 0", "status 0"], ended.stderr[-3000:]
    assert "DEBUG:" in ended.stderr
    assert KEY not in ended.stdout + ended.stderr

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"build.duckdb", "warehouse.duckdb"} < {path.name for path in files}
    assert any(path.suffix == ".db" for path in files), "Dagster's storage is among them"
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    for name in ("build.duckdb", "warehouse.duckdb"):
        text = everything_in(data / name)
        assert KEY not in text
        assert text.count(HIDDEN) > 10, "what repeated it is kept without it"


def everything_in(path: Path) -> str:
    """All rows of all tables, since the file itself is compressed."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        return "".join(str(connection.execute(f"FROM {name}").fetchall()) for (name,) in names)


def test_a_refusal_that_repeats_the_key_is_told_without_it(
    parrot: Parrot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parrot.refuses_after = 6
    with SandboxServer(now=FIRST_MORNING) as clock:
        pipeline = persistent(clock, tmp_path, api_key=SecretStr(KEY), base_url=parrot.url)
        with pytest.raises(RefusedError) as caught:
            pipeline.run()
        shown = [str(caught.getrepr(style="long")), repr(caught.value), repr(vars(caught.value)), caplog.text]
        shown += [repr(pipeline.settings), str(asdict(pipeline.settings)), repr(pipeline.rows("FROM ops.runs"))]
        pipeline.let_go()
    assert KEY not in "".join(shown)
    assert HIDDEN in str(caught.value)


def test_settings_and_client_do_not_show_it() -> None:
    client = LayersClient(base_url="https://api.layers.com", api_key=SecretStr(KEY))
    sender = vars(client)["_sender"]
    assert KEY not in repr(client) + repr(vars(client)) + repr(sender) + repr(vars(sender))
