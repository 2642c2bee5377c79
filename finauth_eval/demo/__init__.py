"""The demo: pictures built on the user's machine from pinned packages, and the walk through the tool with them.

The pictures come from archives on the package index, are never redistributed, and are never sent to the live API
by default.
"""
