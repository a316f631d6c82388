"""What happens beside the start of the app."""

import socket

from explorer.pages.warming import answer_at_once


def test_what_is_accepted_by_a_listening_socket_sends_at_once():
    """Also where the socket was opened without naming TCP, for which asyncio leaves Nagle's algorithm on."""
    with socket.socket(socket.AF_INET) as server, socket.socket(socket.AF_INET) as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        untouchable = _Untouchable()
        answer_at_once()
        del untouchable
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # nobody else's


class _Untouchable:
    """Like a deprecated object of another library: nobody may ask it anything."""

    def __getattribute__(self, name: str):
        raise RuntimeError(f"asked for {name}")
