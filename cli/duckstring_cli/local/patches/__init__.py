"""All that the server changes in the emulator, or reads of it. Standard library only: part of the
server.

The emulator runs in our process. Where it differs from AWS, a patch replaces a function or a value
in its modules. None of those names is promised to stay, so each is declared here first:

- One module is one patch. Its docstring says what the emulator does, what AWS does, and why that
  matters to a Catchment. Its ``NAMES`` has every name of the emulator that it uses.
- ``check.py`` compares all declared names with the emulator that is installed. The server does so
  when it starts, before it changes or serves anything.
- What a patch calls (worker processes, the guard, the agent of tasks) is in the folder above. It
  reaches the emulator through the modules here, and nowhere else: a test compares.
- ``expected.py`` has the release that the patches are written for.

docs/local.md says how to move to another release of the emulator.
"""
