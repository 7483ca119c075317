"""Find a class among what is loaded already, without importing or calling anything."""

import sys
from pathlib import Path
from types import ModuleType


def class_in(module: ModuleType | None, qualname: str) -> type | None:
    """Return the class with that qualified name in a module, if there is one."""
    found: object = module
    for part in qualname.split("."):
        if found is None or (found is not module and not isinstance(found, type)):
            return None
        # vars() and not getattr(): a module's __getattr__ may import.
        found = vars(found).get(part)
    return found if isinstance(found, type) else None


def main_module() -> ModuleType | None:
    """Return the module of the script that was started."""
    return sys.modules.get("__main__")


def script_name(main: ModuleType | None) -> str:
    """Return what the script would be called as a module; "" where there is none."""
    spec = getattr(main, "__spec__", None)
    name = getattr(spec, "name", None)
    if isinstance(name, str):
        return name
    file = getattr(main, "__file__", None)
    return Path(file).stem if isinstance(file, str) else ""
