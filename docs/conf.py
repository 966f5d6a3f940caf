"""The documentation site: `make docs` builds it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

import inknet  # noqa: E402

project = "inknet"
author = "The inknet founders"
project_copyright = author
version = release = inknet.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "sphinx_copybutton", "inknet_pages"]
exclude_patterns = ["_*", "pictures"]
nitpicky = True
default_role = "literal"

myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 4
numpydoc_show_class_members = False

# Every cell runs in every build: a page that was kept would not notice a change of the code.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
os.environ["MATPLOTLIBRC"] = str(HERE / "_static" / "matplotlibrc")
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["INKNET_OPS"] = "numpy"

html_theme = "furo"
html_title = "inknet"
html_static_path = ["_static"]
html_css_files = ["inknet.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/inknet/inknet/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_exclude = ".linenos, .gp, .go"
