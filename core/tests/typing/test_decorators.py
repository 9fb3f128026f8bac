"""What type checkers see of decorators: a handler keeps its type. Checked by mypy; that it runs, too, is a bonus."""

from typing import TYPE_CHECKING, assert_type

from bottle import Bottle, HTTPError, auth_basic, default_app, error, get, hook, post, route

if TYPE_CHECKING:
    from collections.abc import Callable

with Bottle() as app:

    @app.route('/a/<number:int>')
    def plain(number: int) -> str:
        return str(number)

    @app.route(['/b/<number:int>', '/c/<number:int>'], ['GET', 'PUT'], name='b', apply=[], skip=True, own='config')
    def with_options(number: int) -> str:
        return str(number)

    @app.route
    def bare(number: int) -> str:
        return str(number)

    @app.put('/d/<number:int>')
    @app.delete('/d/<number:int>')
    @app.patch('/d/<number:int>')
    @post('/e/<number:int>')
    @get('/e/<number:int>')
    @route('/e/<number:int>')
    def many(number: int) -> bytes:
        return bytes(number)

    @hook('before_request')
    @app.hook('after_request')
    def hooked() -> None:
        return None

    @error(404)
    @app.error(500)
    def on_error(problem: HTTPError) -> str:
        return str(problem.status_code)

    @app.route('/f/<number:int>')
    @auth_basic(lambda user, password: user == password)
    def protected(number: int) -> str:
        return str(number)


def test_handlers_keep_their_types() -> None:
    assert_type(plain(1), str)
    assert_type(with_options(number=1), str)
    assert_type(bare(1), str)
    assert_type(many(1), bytes)
    hooked()
    assert_type(on_error(HTTPError(404)), str)
    assert_type(default_app(), Bottle)
    shown: Callable[[int], str | HTTPError] = protected
    assert callable(shown)


def test_callbacks_keep_their_types() -> None:
    def handler(number: int) -> str:
        return str(number)

    other = Bottle()
    assert_type(other.route('/a', 'GET', handler)(1), str)
    assert_type(other.route('/a', callback=handler)(1), str)
    assert_type(other.route('/a', 'GET', handler, 'name', own='config')(1), str)


def wrong() -> None:
    """What a type checker refuses: each line needs its suppression, or mypy fails."""
    plain('1')  # type: ignore[arg-type]  # a number is wanted
    with_options()  # type: ignore[call-arg]  # an argument is missing
    many(1).encode()  # type: ignore[attr-defined]  # the result is bytes
    protected('1')  # type: ignore[arg-type]  # also behind auth_basic
    app.route(5)  # type: ignore[call-overload]  # neither a rule nor a handler
