"""The studio: a page that draws, trains, compares and follows numbers, and the server behind it.

`app` puts the calls together, `security` decides which are answered, `folders` reads run folders,
`reading` answers pictures, `looking` finds mistakes and similar images, `corrections` keeps what a
user says, `studies` lists recipes, sources and studies, and `trainings` starts trainings, each of
which is a `process` of its own that writes what happens to a log (`live`); `streaming` sends it to
pages. `following` has the calls that take a digit through a network, as `inknet.explain` does.
`documentation` is the page of the calls; all other pages are in `inknet.page`.
"""

try:
    import fastapi as _  # noqa: F401
    import uvicorn as __  # noqa: F401
except ImportError:
    raise ImportError(
        "inknet studio needs FastAPI and uvicorn; install them with: pip install 'inknet[studio]'"
    ) from None

from inknet.studio.app import new_app, serve

__all__ = ["new_app", "serve"]
