"""What waitress does with one connection, with heads that are read strictly."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from waitress import buffers, channel, parser, receiver, task, utilities

from bottle.serving.connections import LINGER
from bottle.serving.environ import latin1_path
from bottle.serving.messages import MalformedMessage, header_variables, parse_request

if TYPE_CHECKING:
    from bottle.serving.messages import Request
    from bottle_server_waitress import WaitressServer

END_OF_HEAD = b'\r\n\r\n'


class Parser(parser.HTTPRequestParser):  # type: ignore[misc]  # the type of the base class is not known
    """Reads a request in the place of waitress' parser, and says in its attributes what it has found."""

    header_plus: bytes

    def received(self, data: bytes) -> int:
        """Take in what has arrived; return how many bytes of it belong to this request."""
        if self.body_rcv is not None:
            return self._receive_body(data)
        before, self.header_plus = len(self.header_plus), self.header_plus + data
        empty_line = 2 if self.header_plus.startswith(b'\r\n') else 0  # passed over (RFC 9112, section 2.2)
        end = self.header_plus.find(END_OF_HEAD, empty_line)
        length = len(self.header_plus) if end < 0 else end + len(END_OF_HEAD)
        if length > self.adj.max_request_header_size:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, 'the head is too long')
        elif end >= 0:
            self._receive_head(self.header_plus[empty_line:length])
        return length - before

    def _receive_head(self, head: bytes) -> None:
        self.headers_finished = True
        try:
            self._take(parse_request(head))
        except MalformedMessage as error:
            self._refuse(error.status, str(error))
        self.completed = self.body_rcv is None

    def _take(self, request: Request) -> None:
        if request.method != request.method.upper():  # waitress would convert it (RFC 9110, section 9.1)
            raise MalformedMessage('malformed method')
        found = header_variables(request.headers)
        self.headers = {name.removeprefix('HTTP_'): value for name, value in found.items()}
        self.command, self.request_uri, self.version = request.method, request.target, request.version[-3:]
        self.path, self.query = latin1_path(request.target), request.target.partition('?')[2]
        self.url_scheme = self.adj.url_scheme
        self.connection_close = not request.is_persistent
        self.chunked = self.headers.pop('TRANSFER_ENCODING', None) is not None
        self.content_length = int(found.get('CONTENT_LENGTH', 0))
        if self.content_length >= self.adj.max_request_body_size:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 'the body is too long')
        elif self.chunked or self.content_length:
            self.body_rcv = self._receiver()
            self.expect_continue = request.expects_to_be_asked

    def _receiver(self) -> Any:
        buffer = buffers.OverflowableBuffer(self.adj.inbuf_overflow)
        length = self.content_length
        return receiver.ChunkedReceiver(buffer) if self.chunked else receiver.FixedStreamReceiver(length, buffer)

    def _receive_body(self, data: bytes) -> int:
        body = self.body_rcv
        taken: int = body.received(data)
        self.error, self.completed = body.error, body.completed or body.error is not None
        if self.chunked:
            self.headers['CONTENT_LENGTH'] = str(len(body))  # the application gets it without its coding
            if len(body) >= self.adj.max_request_body_size:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 'the body is too long')
            elif len(body.control_line) + len(body.trailer) > self.adj.max_request_header_size:
                self._refuse(HTTPStatus.BAD_REQUEST, 'a chunk extension or the trailer section is too long')
        return taken

    def _refuse(self, status: int, reason: str) -> None:
        self.error = utilities.Error(reason)
        self.error.code, self.error.reason = status, HTTPStatus(status).phrase
        self.completed = True


def channel_class(adapter: WaitressServer) -> type:
    """Return a connection that, when the adapter stops, ends after its response or when it has long been idle.

    Parameters:
        adapter: has the attribute `stopping`.
    """

    class Task(task.WSGITask):  # type: ignore[misc]  # the type of the base class is not known
        chunked_response: bool

        def build_response_header(self) -> Any:
            if adapter.stopping or self.request.connection_close:
                self.request.headers['CONNECTION'] = 'close'
            head = super().build_response_header()
            self.chunked_response = self.chunked_response and self.request.command != 'HEAD'  # else it has a last chunk
            return head

    class Channel(channel.HTTPChannel):  # type: ignore[misc]  # the type of the base class is not known
        task_class = Task
        parser_class = Parser

        def touch(self, _: float) -> None:
            self.since = time.monotonic()  # waitress remembers a time of day, which may be changed

        last_activity = property(lambda self: time.time() - time.monotonic() + self.since, touch)

        def lingers(self) -> bool:
            if time.monotonic() - self.since > LINGER and not (self.requests or self.request or self.total_outbufs_len):
                self.handle_close()
            return bool(self.connected)

    return Channel
