"""The build phase's way out: to the package registries, and nowhere else."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Command, LimitName, Limits, Network, SandboxSpec, tls
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker import DockerSandboxes
from sandbox.registries import Origin, Registries, default_registries, is_outside, merge
from sandbox.registry_proxy import SOCKET_NAME, Refusal, RegistryProxy, understand

ALLOWED = {
    (o.scheme, o.host, o.port): o
    for o in map(
        Origin.parse, ("https://index.test", "http://mirror.test:3141#private", "https://[2001:db8::1]:8443")
    )
}


@pytest.mark.parametrize(
    ("request_line", "origin"),
    [
        ("CONNECT index.test:443 HTTP/1.1", "https://index.test"),
        ("CONNECT INDEX.test:443 HTTP/1.1", "https://index.test"),
        ("CONNECT [2001:db8::1]:8443 HTTP/1.1", "https://[2001:db8::1]:8443"),
        ("GET http://mirror.test:3141/simple/six/ HTTP/1.1", "http://mirror.test:3141#private"),
        ("HEAD http://mirror.test:3141/ HTTP/1.0", "http://mirror.test:3141#private"),
    ],
)
def test_a_request_for_a_registry_is_understood(request_line, origin):
    assert str(understand(request_line.encode(), ALLOWED).origin) == origin


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT index.test:80 HTTP/1.1",
        "CONNECT index.test:22 HTTP/1.1",
        "CONNECT index.test HTTP/1.1",
        "CONNECT other.test:443 HTTP/1.1",
        "CONNECT sub.index.test:443 HTTP/1.1",
        "CONNECT index.test.evil.test:443 HTTP/1.1",
        "CONNECT user@other.test:443 HTTP/1.1",
        "CONNECT index.test@other.test:443 HTTP/1.1",
        "CONNECT 127.0.0.1:443 HTTP/1.1",
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "CONNECT mirror.test:3141 HTTP/1.1",
        "CONNECT index.test:99999 HTTP/1.1",
        "CONNECT [::1:443 HTTP/1.1",
        "GET https://index.test/ HTTP/1.1",
        "GET http://index.test/ HTTP/1.1",
        "GET http://mirror.test/ HTTP/1.1",
        "GET /local HTTP/1.1",
        "POST http://mirror.test:3141/upload HTTP/1.1",
        "PUT http://mirror.test:3141/upload HTTP/1.1",
        "nonsense",
        "",
    ],
)
def test_every_other_request_is_refused(request_line):
    with pytest.raises(Refusal):
        understand(request_line.encode(), ALLOWED)


def test_a_forwarded_request_loses_its_proxy_headers_and_asks_for_an_end():
    head = (
        b"GET http://mirror.test:3141/a?b=c HTTP/1.1\r\nHost: mirror.test:3141\r\n"
        b"Proxy-Authorization: x\r\nConnection: keep-alive"
    )
    first = understand(head, ALLOWED).first
    assert first == b"GET /a?b=c HTTP/1.1\r\nHost: mirror.test:3141\r\nConnection: close\r\n\r\n"


@given(st.binary(max_size=300))
def test_no_request_breaks_the_proxy(head):
    with contextlib.suppress(Refusal):
        understand(head, ALLOWED)


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("8.8.8.8", True), ("151.101.0.223", True), ("2a04:4e42::223", True), ("127.0.0.1", False),
        ("127.9.9.9", False), ("10.1.2.3", False), ("172.16.0.1", False), ("172.32.0.1", True),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),
        ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("ff02::1", False),
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_neighbours_are_known(address, outside):
    assert is_outside(address) is outside


CONFIGURATION = """\
:env:.default-timeout='180'
global.extra-index-url='file:///some/where https://user:secret@extra.test/simple http://10.0.0.7:3141/x'
global.index-url='https://mirror.test:8443/simple'
global.cert='/etc/ca.pem'
"""


def test_the_operators_configuration_is_read_and_its_credentials_are_dropped():
    known = merge({"https://index.test", "https://files.test"}, CONFIGURATION)
    assert known.origins == {
        "https://index.test",
        "https://files.test",
        "https://extra.test#private",
        "http://10.0.0.7:3141#private",
        "https://mirror.test:8443#private",
    }
    assert known.variables == (
        ("PIP_EXTRA_INDEX_URL", "https://extra.test/simple http://10.0.0.7:3141/x"),
        ("PIP_INDEX_URL", "https://mirror.test:8443/simple"),
    )
    assert merge({"https://index.test"}, "global.index-url='https://index.test/simple'").origins == {
        "https://index.test"
    }


def test_pip_itself_says_which_registries_there_are():
    known = default_registries()
    assert known
    assert all(Origin.parse(text).scheme in ("http", "https") for text in known)


@pytest.mark.parametrize("text", ["", "index.test", "ftp://index.test", "https://", "file:///x"])
def test_a_registry_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="registry"):
        Origin.parse(text)


def hello(name: str | None) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_the_name_in_a_tls_greeting_is_read_from_any_number_of_pieces():
    greeting = hello("Index.Test")
    assert tls.server_name(greeting) == "index.test"
    assert {tls.server_name(greeting[:size]) for size in range(len(greeting))} == {None}
    split = greeting[:3] + (10).to_bytes(2, "big") + greeting[5:15]
    rest = greeting[15:]
    assert tls.server_name(split + greeting[:3] + len(rest).to_bytes(2, "big") + rest) == "index.test"


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", hello(None), b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16" * 99999]
)
def test_what_is_no_greeting_with_a_name_is_malformed(data):
    with pytest.raises(tls.Malformed):
        tls.server_name(data)


@given(st.binary(max_size=400), st.integers(0, 600))
def test_no_greeting_breaks_the_reader(noise, at):
    greeting = hello("index.test")
    for data in (b"\x16\x03\x01" + noise, greeting[:at] + noise + greeting[at:]):
        with contextlib.suppress(tls.Malformed):
            tls.server_name(data)


@contextlib.contextmanager
def http_server() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"served {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask(proxy: RegistryProxy, *lines: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(proxy.directory / SOCKET_NAME))
        client.sendall(b"\r\n".join((*lines, b"", b"")))
        answer = b""
        while part := client.recv(4096):
            answer += part
        return answer


def test_an_index_of_the_operator_may_be_private_and_no_other_address_may():
    with http_server() as port:
        url = f"http://127.0.0.1:{port}"
        with RegistryProxy(frozenset({f"{url}#private"})) as proxy:
            assert ask(proxy, b"GET %s/simple/ HTTP/1.1" % url.encode()).endswith(b"served /simple/")
            assert b"403" in ask(proxy, b"GET http://localhost:%d/ HTTP/1.1" % port)
        with RegistryProxy(frozenset({url, f"http://localhost:{port}"})) as proxy:
            assert b"not outside" in ask(proxy, b"GET %s/simple/ HTTP/1.1" % url.encode())
            assert b"not outside" in ask(proxy, b"GET http://localhost:%d/ HTTP/1.1" % port)


def test_a_tunnel_carries_only_tls_to_the_name_it_was_opened_for():
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.settimeout(20)
        port = upstream.getsockname()[1]
        with RegistryProxy(frozenset({f"https://localhost:{port}#private"})) as proxy:
            for greeting, passes in (
                (hello("localhost"), True),
                (hello("evil.test"), False),
                (b"SSH-2.0-x\r\n", False),
            ):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(20)
                    client.connect(str(proxy.directory / SOCKET_NAME))
                    client.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % port)
                    assert client.recv(4096).startswith(b"HTTP/1.1 200")
                    client.sendall(greeting)
                    connection, _ = upstream.accept()
                    with connection:
                        connection.settimeout(20)
                        assert connection.recv(65536) == (greeting if passes else b"")


PARAMETERS = [
    pytest.param(BubblewrapSandboxes, marks=pytest.mark.bubblewrap, id="bubblewrap"),
    pytest.param(DockerSandboxes, marks=pytest.mark.docker, id="docker"),
]
FETCH = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=10).read().decode())
    except OSError as error:
        print(type(error).__name__, error.code if hasattr(error, "code") else "")
"""


@pytest.fixture(params=PARAMETERS)
def kind(request):
    return request.param


def test_a_build_reaches_a_registry_and_nothing_else(kind, tmp_path):
    with http_server() as port, http_server() as other:
        registry = f"http://localhost:{port}"
        sandboxes = kind(registries=frozenset({f"{registry}#private"}))
        env = (("NO_PROXY", ""), ("no_proxy", ""))
        with sandboxes.open(SandboxSpec(environment=tmp_path, network=Network.REGISTRIES)) as sandbox:
            urls = (
                f"{registry}/simple/",
                f"http://localhost:{other}/",
                "https://index.test/",
                "http://169.254.169.254/",
            )
            completed = sandbox.run(Command(argv=(sandboxes.python, "-c", FETCH, *urls), env=env))
            direct = sandbox.run(
                Command(
                    argv=(sandboxes.python, "-c", FETCH, urls[0]), env=(("NO_PROXY", "*"), ("no_proxy", "*"))
                )
            )
            sandbox.run(Command(argv=("sh", "-c", "echo built > /env/made")))
        if isinstance(sandboxes, DockerSandboxes):
            sandboxes.close()
    lines = completed.stdout.decode().splitlines()
    assert lines[:2] == ["served /simple/", "HTTPError 403"], completed.stderr
    assert lines[2].startswith("URLError")
    assert lines[3] == "HTTPError 403"
    assert direct.stdout.startswith(b"URLError")
    assert (tmp_path / "made").read_text() == "built\n"


def test_a_build_that_fills_the_hosts_disk_is_stopped(kind, tmp_path):
    sandboxes = kind(registries=frozenset({"https://registry.invalid"}))
    spec = SandboxSpec(
        environment=tmp_path, network=Network.REGISTRIES, limits=Limits(seconds=60, disk_mib=32)
    )
    fill = "i=0; while :; do head -c 8000000 /dev/zero > /env/f$i; i=$((i+1)); sleep 0.05; done"
    with sandboxes.open(spec) as sandbox:
        completed = sandbox.run(Command(argv=("sh", "-c", fill)))
    if isinstance(sandboxes, DockerSandboxes):
        sandboxes.close()
    assert completed.stopped_by is LimitName.OUTPUT
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 600 << 20


@pytest.mark.network
def test_pip_installs_from_the_real_registry_and_from_no_other_host(kind, tmp_path):
    sandboxes = kind()
    env = tmp_path / "env"
    env.mkdir()
    with sandboxes.open(SandboxSpec(environment=env, network=Network.REGISTRIES)) as sandbox:

        def run(*argv: str) -> int | None:
            return sandbox.run(Command(argv=argv)).exit_status

        assert run(sandboxes.python, "-m", "venv", "/env") == 0
        pip = ("/env/bin/python", "-m", "pip", "--retries", "0", "--timeout", "5")
        assert run(*pip, "install", "six") == 0
        assert run(*pip, "download", "--index-url", "https://example.com/simple", "six") == 1
    with sandboxes.open(SandboxSpec(environment=env)) as sandbox:
        assert run("/env/bin/python", "-c", "import six") == 0
        assert (
            run("/env/bin/python", "-m", "pip", "--retries", "0", "download", "--no-cache-dir", "idna") == 1
        )
    if isinstance(sandboxes, DockerSandboxes):
        sandboxes.close()


@pytest.mark.bubblewrap
def test_a_registry_setting_may_be_whole(tmp_path):
    known = Registries(
        origins=frozenset({"https://registry.invalid"}), variables=(("PIP_INDEX_URL", "https://r"),)
    )
    sandboxes = BubblewrapSandboxes(registries=known, ca_bundle=Path(__file__))
    with sandboxes.open(SandboxSpec(environment=tmp_path, network=Network.REGISTRIES)) as sandbox:
        script = "echo $PIP_INDEX_URL $HTTPS_PROXY $SSL_CERT_FILE; head -c 3 $SSL_CERT_FILE"
        completed = sandbox.run(Command(argv=("sh", "-c", script)))
    assert completed.stdout == b'https://r http://127.0.0.1:3128 /run/ca.pem\n"""'
