"""The page that draws and reads: plain HTML, CSS and ES modules, and how they become one file.

`index.html` is the page, `main.js` its first module. The modules in `photo/` mirror those of
`inknet.photo`, step by step, so that a picture is prepared in a browser as it is in Python.
"""

from inknet.page.joining import joined

__all__ = ["joined"]
