"""An app that cannot be imported: something that it needs is not set."""

settings: dict[str, object] = {}
app = settings["SHOP"]
