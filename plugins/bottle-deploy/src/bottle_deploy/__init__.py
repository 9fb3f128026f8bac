"""Deployment files for web servers, balancers and platforms, made from the options that every server understands.

`python -m bottle deploy TARGET MODULE:NAME` prints or writes them; `--check` has the target's own checker read them.
"""

__version__ = '1.0.0'
