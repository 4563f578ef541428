"""A server on loopback that speaks as S3 does, and a client of another library to fill it."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["Bucket", "serve_answer", "serve_bucket"]


class Bucket:
    """A bucket that tests write to.

    Attributes:
        endpoint: The server's address.
        environment: What a program needs to find it.
    """

    name = "models"

    def __init__(self, server: Any) -> None:
        import boto3

        self._server = server
        host, port = server.get_host_and_port()
        self.endpoint = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self._client.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._client.put_object(Bucket=self.name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._client.delete_object(Bucket=self.name, Key=key)

    def stop(self) -> None:
        """End the server."""
        self._server.stop()


@contextlib.contextmanager
def serve_bucket() -> Iterator[Bucket]:
    """An empty bucket for as long as the block lasts."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield Bucket(server)
    finally:
        server.stop()


@contextlib.contextmanager
def serve_answer(status: int, answer: bytes) -> Iterator[str]:
    """The address of a server that gives one answer, whatever it is asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
