"""Settings of both programs: one YAML file each, checked as a whole, every mistake told at its line.

    load.py       the one call: a file and a model in, settings or every mistake out; reload.py while running
    edge.py, central.py       the models, whose fields are the manual; `parts.py` is what both have
    yaml_tree.py, syntax.py, sources.py     text → tree → plain values, with places; the tags
    sentences.py, mistakes.py, text.py      what is wrong, in either language
    cli.py, effective.py, schema.py, manual.py     looking at settings; schema/ and docs/settings.md are made

`central` and `load` never reach the drivers; only `edge` does.
"""
