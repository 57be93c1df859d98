"""Checks TOML files by a JSON Schema: json_schema.py SCHEMA FILE... prints an object of what is wrong with each
file, an empty text where nothing is. Exits with 77 where Python has no tomllib (3.11) or no jsonschema."""

import json
import sys

try:
    import tomllib

    import jsonschema
except ImportError as error:
    print(error)
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)


def wrong(name):
    try:
        with open(name, "rb") as file:
            graph = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return f"not TOML: {error}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(graph))
    return f"{error.json_path}: {error.message}" if error else ""


print(json.dumps({name: wrong(name) for name in sys.argv[2:]}))
