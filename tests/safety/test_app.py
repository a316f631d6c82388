"""The app towards its neighbors: who may reach it, what it takes, and what it gives away."""

import socket
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from browser.rig import running_app
from pages.screen import rewritten
from safety.asking import run_command
from safety.hostile import EVIL
from synthetic import synthetic_study

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of an app without a study."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "studies").mkdir()
    with running_app(folder) as address:
        yield address


def fetch(address: str, **headers: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)


def test_the_configuration_is_closed():
    """Reached from this machine alone, forms and uploads guarded and bounded, no code in errors, nothing sent home."""
    told = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())
    server = told["server"]
    assert server["address"] == "127.0.0.1" and set(server["allowedHosts"]) == {"127.0.0.1", "localhost"}
    assert server["enableXsrfProtection"] is True and server["enableCORS"] is True
    assert server["maxUploadSize"] <= 64
    assert told["client"]["showErrorDetails"] == "none"
    assert told["browser"]["gatherUsageStats"] is False


def test_nothing_on_the_network_reaches_the_app(address):
    """It listens on the loopback address only, and refuses a name that leads there from elsewhere (DNS rebinding)."""
    port = int(address.rpartition(":")[2])
    bound = [
        line.split()[1] for file in ("tcp", "tcp6") for line in Path("/proc/net", file).read_text().splitlines()[1:]
    ]
    assert {place for place in bound if int(place.partition(":")[2], 16) == port} <= {f"0100007F:{port:04X}"}
    assert _websocket(address, address) == 101
    assert _websocket(address, f"http://{EVIL}:{port}", host=EVIL) != 101
    assert fetch(f"{address}/data/token/study/rows", Host=f"{EVIL}:{port}")[0] == 404
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1", "127.0.1.1", "::1"}
    for other in others:
        with pytest.raises(OSError), socket.create_connection((other, port), timeout=2):
            pass


def test_another_site_gets_no_leave_to_read_and_no_way_to_send(address):
    """No cross-origin header; a file without the page's token is not taken."""
    for path in ("/", "/data/x/y/rows", "/_stcore/host-config", "/_stcore/health"):
        allowed = fetch(address + path, Origin=f"http://{EVIL}")[1].get("Access-Control-Allow-Origin")
        assert allowed in (None, address), path
    request = urllib.request.Request(f"{address}/_stcore/upload_file/s/f", data=b"x", method="PUT")
    request.add_header("Content-Type", "multipart/form-data; boundary=b")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    with refused.value:
        assert refused.value.code in (400, 403)
    assert _websocket(address, f"http://{EVIL}") != 101


def _websocket(address: str, origin: str, host: str = "127.0.0.1") -> int:
    """The status with which the page's own connection is answered; 101 is a welcome."""
    port = address.rpartition(":")[2]
    lines = [
        *("GET /_stcore/stream HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", f"Origin: {origin}", "", ""),
    ]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as link:
        link.sendall("\r\n".join(lines).encode())
        return int(link.recv(100).split()[1])


def test_a_hostile_study_can_be_copied_away(tmp_path):
    """What stands in it stays text for a spreadsheet, too: cells that would run get an apostrophe in front."""
    folder = synthetic_study(tmp_path / "study", n=80, classes=3)
    rewritten(folder, lambda table: table.assign(own=["=cmd|' /C calc'!A0", "+1", "-1", "@x", "plain"] * 16))
    out = tmp_path / "samples.csv"
    assert run_command("samples", folder, "--out", out)[0] == 0
    told = pd.read_csv(out)["own"].tolist()[:5]
    assert told == ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x", "plain"]
