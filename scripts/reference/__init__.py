"""``docs/reference``: every public name, command, option and recipe key, taken from the code.

``make reference`` writes the pages, and a test refuses those that are older than the code.
`docstrings` turns docstrings into Markdown, `public` lists the public names, `pages` has the pages.
"""
