"""The calls of the studio, and the server that answers them."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Body, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

import inknet
from inknet.errors import InputError, printable
from inknet.studio import corrections, documentation, following, looking, reading, studies
from inknet.studio.folders import PRETRAINED, SORTED_BY, Folders, NoSuchRunError, is_name
from inknet.studio.live import ENDS
from inknet.studio.security import LOOPBACK, Guard, TooLargeError
from inknet.studio.streaming import events_of
from inknet.studio.trainings import PLACE, BusyError, Trainings
from inknet.training.threads import one_blas_thread

PAGE = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".txt": "text/plain"}
"""The files of the page that are served, by the ends of their names."""
READERS = 2
"""So many pictures are read at once: more threads only wait for each other, and for the rest."""
PORT = 8017

Result = TypeVar("Result")
RunId = Annotated[str, Query(alias="run", max_length=300, description="The identifier of a run.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to skip.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
ClassNumber = Annotated[int | None, Query(ge=0, le=1_000_000, description="The number of a class.")]
Settings = Annotated[
    dict[str, Any],
    Body(
        examples=[
            {
                "recipe": "digits",
                "source": "sample",
                "settings": {"training.learning_rate": 0.01},
            }
        ]
    ),
]


def new_app(
    root: Path,
    *,
    run: str | None = None,
    studies_root: Path | None = None,
    token: str | None = None,
    is_ending: Callable[[], bool] = lambda: False,
) -> Guard:
    """Return the studio as an ASGI application.

    Parameters
    ----------
    root
        The folder of the run folders. Nothing outside of it is read or written, but the data that a
        run was trained on.
    run
        The identifier of the run that is shown first; without one, the newest.
    studies_root
        The folder of the studies.
    token
        What every request must have, if others than this machine can reach the server.
    is_ending
        Whether the server waits for its last answers; then streams of events end.
    """
    app = FastAPI(
        title="inknet studio",
        version=inknet.__version__,
        description="Runs, trainings and answers of inknet; the page of the studio uses them.",
        docs_url=None,
        redoc_url=None,
    )
    trainings = Trainings(root)
    folders = Folders(root, trainings.is_training)
    similar = looking.Similar(folders)
    readers = ThreadPoolExecutor(READERS, "inknet-reading")
    _add_errors(app)
    _add_page(app)

    def corrections_of(run: str) -> Path:
        if run == PRETRAINED:
            return root / PLACE / f"{PRETRAINED}-{corrections.FILE}"
        return folders.folder(run) / corrections.FILE

    @app.get("/api/state", tags=["studio"])
    def state() -> dict[str, Any]:
        """Return what there is: recipes, sources of data, the run to show first, the training."""
        training = trainings.current()
        return {
            "version": inknet.__version__,
            "run": run if run is not None and folders.has(run) else folders.newest() or training,
            "runs_folder": str(root),
            "recipes": studies.recipes(),
            "sources": studies.sources(),
            "training": training,
            "has_token": token is not None,
        }

    # -- runs -------------------------------------------------------------------------------------

    @app.get("/api/runs", tags=["runs"])
    def list_runs(
        offset: Offset = 0,
        limit: Limit = 50,
        sort: Annotated[str, Query(pattern=f"^({'|'.join(SORTED_BY)})$")] = "when",
        order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
        words: Annotated[str, Query(alias="filter", max_length=200)] = "",
    ) -> dict[str, Any]:
        """Return runs, sorted and filtered: some of them, and how many there are."""
        total, rows = folders.listed(offset, limit, sort, order, words)
        return {"total": total, "runs": rows}

    @app.get("/api/run", tags=["runs"])
    def show_run(run: RunId) -> dict[str, Any]:
        """Return a run: its recipe, figures, history, and what its corrections changed."""
        details = folders.details(run)
        if run != PRETRAINED:
            details |= corrections.result_of(folders.folder(run))
        path = corrections_of(run)
        model = folders.model(run) if path.is_file() else None
        details["corrections"] = len(corrections.kept(path, model)[1]) if model else 0
        return details

    @app.get("/api/model", tags=["runs"])
    def show_model(run: RunId) -> dict[str, Any]:
        """Return the weights of a model of images, as the page computes with them."""
        from inknet.exchange.html_file import page_model

        return page_model(folders.model(run))

    @app.get("/api/mistakes", tags=["runs"])
    def show_mistakes(
        run: RunId,
        true: ClassNumber = None,
        predicted: ClassNumber = None,
        offset: Offset = 0,
        limit: Limit = 60,
    ) -> dict[str, Any]:
        """Return the test images that a run misreads, surest first."""
        return looking.mistakes(folders.test_part(run), true, predicted, offset, limit)

    @app.get("/api/sample", tags=["runs"])
    def show_sample(run: RunId, row: Annotated[int, Query(ge=0, le=100_000_000)]) -> dict[str, Any]:
        """Return a test image of a run, by its row."""
        part = folders.test_part(run)
        if row >= len(part.labels):
            raise InputError(f"The test data have {len(part.labels):,} rows; {row:,} is none.")
        return looking.sample(part, row)

    @app.post("/api/similar", tags=["runs"])
    def show_similar(run: RunId, request: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Return the training images most like an image, ``{"image": base64, "n": 8}``."""
        image = reading.image_in(request.get("image"), corrections.shape_of(folders.model(run)))
        n = request.get("n", 8)
        if not isinstance(n, int) or not 1 <= n <= 100:
            raise InputError("n is how many images are wanted, from 1 to 100.")
        return {"digits": similar.to(run, image, n)}

    # -- answers ----------------------------------------------------------------------------------

    @app.post(
        "/api/predict",
        tags=["answers"],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "image/*": {"schema": {"type": "string", "format": "binary"}},
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "image": {"type": "string", "format": "byte"},
                                "features": {"type": "array", "items": {"type": "array"}},
                            },
                        }
                    },
                },
            }
        },
    )
    async def predict(request: Request, run: RunId = PRETRAINED) -> Any:
        """Read a picture: the body, the form field ``image``, or base64 in JSON.

        The answer has the fields of ``inknet predict --json``. JSON with ``features`` gets labels
        and probabilities.
        """
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == "multipart/form-data":
            content = await _form_image(request)
        else:
            content = await request.body()

        def answer() -> dict[str, Any]:
            model = folders.model(run)
            if kind == "application/json":
                return reading.answer_json(model, _json_in(content))
            return reading.answer_picture(model, content)

        return await asyncio.get_running_loop().run_in_executor(readers, answer)

    # -- corrections ------------------------------------------------------------------------------

    @app.get("/api/corrections", tags=["corrections"])
    def list_corrections(run: RunId) -> dict[str, Any]:
        """Return what was said of images of a run."""
        path, model = corrections_of(run), folders.model(run)
        images, labels = corrections.kept(path, model)
        return {
            "n": len(labels),
            "file": str(path),
            "corrections": looking.labelled(images, labels),
        }

    @app.post("/api/corrections", tags=["corrections"])
    def correct(run: RunId, request: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Say what an image is: ``{"image": base64, "label": class}``."""
        path, model = corrections_of(run), folders.model(run)
        image = reading.image_in(request.get("image"), corrections.shape_of(model))
        if run == PRETRAINED:
            trainings.place()
        n = corrections.keep(path, model, image, str(request.get("label")))
        return {"n": n, "file": str(path)}

    @app.delete("/api/corrections", tags=["corrections"])
    def take_back(run: RunId) -> dict[str, Any]:
        """Take back the last correction."""
        path = corrections_of(run)
        return {"n": corrections.take_back(path, folders.model(run)), "file": str(path)}

    @app.post("/api/corrections/learn", tags=["corrections"])
    def learn(run: RunId) -> dict[str, Any]:
        """Train the model of a run on with its corrections; the result is a new run."""
        path = corrections_of(run)
        if not path.is_file():
            raise InputError("There are no corrections to learn from.")
        base = None if run == PRETRAINED else folders.folder(run)
        return {"run": trainings.learn(base, path, f"{run[-60:]}-corrected")}

    # -- trainings --------------------------------------------------------------------------------

    @app.post("/api/trainings", tags=["trainings"])
    def start(request: Settings) -> dict[str, Any]:
        """Start a training, which is a process of its own; one at a time."""
        return {"run": trainings.start(request)}

    @app.post("/api/trainings/check", tags=["trainings"])
    def check(request: Settings) -> dict[str, Any]:
        """Return whether a training could start, and every key of its recipe."""
        return studies.checked(trainings, request)

    @app.post("/api/trainings/pause", tags=["trainings"])
    def pause(run: RunId) -> dict[str, Any]:
        """End the process of a training, which can be resumed to the same bits."""
        folders.require(run)
        trainings.pause(run)
        return {"state": trainings.state(run)[0]}

    @app.post("/api/trainings/resume", tags=["trainings"])
    def resume(run: RunId) -> dict[str, Any]:
        """Resume a training that was paused."""
        folders.require(run)
        trainings.resume(run)
        return {"state": "training"}

    @app.post("/api/trainings/stop", tags=["trainings"])
    def stop(run: RunId) -> dict[str, Any]:
        """End a training after its current step; what it has learned becomes a finished run."""
        folders.require(run)
        trainings.stop(run)
        return {"state": "writing"}

    @app.get("/api/trainings/events", tags=["trainings"], response_class=StreamingResponse)
    async def events(request: Request, run: RunId) -> Response:
        """Send what happens in a training, as server-sent events: first all so far, then live."""
        if not is_name(run) or not (log := trainings.log(run)).path.is_file():
            raise NoSuchRunError(f"No training of {run[:100]!r} was started here.")
        last = request.headers.get("last-event-id", "0")
        begin = int(last) if last.isdecimal() and len(last) < 15 else 0
        if begin and log.state in ENDS and next(log.read(begin), None) is None:
            return Response(status_code=204)  # with which a browser does not connect again

        async def is_gone() -> bool:
            return is_ending() or await request.is_disconnected()

        stream = events_of(log, begin, lambda: trainings.state(run), is_gone)
        return StreamingResponse(stream, media_type="text/event-stream")

    # -- studies ----------------------------------------------------------------------------------

    @app.get("/api/studies", tags=["studies"])
    def list_studies() -> dict[str, Any]:
        """Return the studies that have results."""
        return {"studies": studies.names(studies_root)}

    @app.get("/api/study", tags=["studies"])
    def show_study(name: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
        """Return a study as its table."""
        return studies.table(studies_root, name)

    app.include_router(following.router_for(folders))
    documentation.add(app)
    return Guard(app, token)


def serve(
    root: Path,
    *,
    run: str | None = None,
    studies_root: Path | None = None,
    host: str = "127.0.0.1",
    port: int = PORT,
    on_ready: Callable[[str], object] = print,
) -> None:
    """Answer requests until Ctrl-C.

    Parameters
    ----------
    root, run, studies_root
        As for `new_app`.
    host, port
        Where. For a host that others can reach, a token is required; the address has it.
    on_ready
        Called with the address, once it answers.

    Raises
    ------
    InputError
        If the port is in use, or the host is not one of this machine.
    """
    import uvicorn

    token = None if host in LOOPBACK else secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the socket says that it is TCP
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)  # who reads the address may connect
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host}, port {port}: {reason}; choose another with --port") from None
    port = listening.getsockname()[1]
    name = f"[{host}]" if family == socket.AF_INET6 else host
    address = f"http://{name}:{port}/" + ("" if token is None else f"?token={token}")
    app = new_app(
        root,
        run=run,
        studies_root=studies_root,
        token=token,
        is_ending=lambda: server.should_exit,
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    on_ready(address)
    with one_blas_thread():  # its threads would fight with those that read
        server.run(sockets=[listening])


def _add_errors(app: FastAPI) -> None:
    """Answer every failure with one sentence."""

    def said(status: int, sentence: str) -> JSONResponse:
        return JSONResponse({"error": printable(sentence)}, status)

    @app.exception_handler(NoSuchRunError)
    def missing(request: Request, error: NoSuchRunError) -> JSONResponse:
        return said(404, str(error))

    @app.exception_handler(BusyError)
    def busy(request: Request, error: BusyError) -> JSONResponse:
        return said(409, str(error))

    @app.exception_handler(InputError)
    def refused(request: Request, error: InputError) -> JSONResponse:
        return said(400, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = " ".join(str(part) for part in first["loc"] if part not in ("query", "body"))
        what = f"{place}: {first['msg']}" if place else str(first["msg"])
        return said(422, f"{what}.")

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> JSONResponse:
        words = {404: "There is nothing here.", 405: "This is asked for in another way."}
        return JSONResponse(
            {"error": words.get(error.status_code, str(error.detail))},
            error.status_code,
            headers=error.headers,
        )

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return said(500, "The studio made a mistake; its terminal says which.")


def _add_page(app: FastAPI) -> None:
    """Serve the page from the package, and nothing else."""

    def content(name: str) -> Response:
        place = resources.files("inknet.page")
        parts = name.split("/")
        kind = PAGE.get(Path(name).suffix)
        if kind is None or any(part in ("", ".", "..") or "\\" in part for part in parts):
            raise HTTPException(404)
        found = place.joinpath(*parts)
        try:
            is_there = found.is_file()
        except (OSError, ValueError):  # a name that no file can have
            is_there = False
        if not is_there:
            raise HTTPException(404)
        headers = {"cache-control": "no-cache"}
        return Response(found.read_bytes(), media_type=kind, headers=headers)

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def page() -> Response:
        return content("studio/index.html")

    @app.get("/static/{name:path}", include_in_schema=False)
    def static(name: str) -> Response:
        return content(name)


async def _form_image(request: Request) -> bytes:
    """Return what is in the field ``image`` of a form."""
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            image = form.get("image")
            if image is None or isinstance(image, str):
                raise InputError("The form has no file in its field image.")
            return await image.read()
    except TooLargeError:
        raise
    except (MultiPartException, HTTPException):
        raise InputError("The form of this request is damaged.") from None


def _json_in(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InputError("This is not valid JSON.") from None
