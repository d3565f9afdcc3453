"""Who we are measured beside, each in a process of its own that speaks one protocol over its standard streams.

A contestant is handed the same files as every other, in one neutral form: points as 64 bytes (x, then y, big-endian),
scalars as 32 bytes big-endian. It turns them into its own form in ``prepare``, untimed; ``run`` times one repetition;
``result`` says what came out, again in the neutral form, so that answers can be compared. Where a library converts at
every call because its interface leaves no other way, the conversion is timed by itself and reported beside the call.

    request                                            answer
    {"do": "prepare", "task": .., "inputs": {..}}      {"library": .., "version": ..}
    {"do": "run"}                                      {"wall_s": .., "cpu_s": .., "convert_wall_s": .., ..}
    {"do": "result"}                                   {"result": ..}

``worker.py`` serves this in Python, ``ffjavascript.mjs`` in JavaScript, and ``process.py`` starts and asks them. The
peers live in ``.venv-peers`` and ``benchmarks/peers/node_modules``, which ``make bench-peers`` installs from
hash-pinned locks; nothing here but ``ours.py`` imports a package of this repository.
"""
