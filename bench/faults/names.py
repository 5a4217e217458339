"""A name service for the applications under test, which can forget the database's name."""

from pathlib import Path

HOST = "db.wellhead.test"

_RESOLVER = Path(__file__).with_name("resolver")


class Names:
    """The file in which the applications look their database up.

    Args:
        directory: Where the file is to lie.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "hosts"
        self.remember()

    @property
    def environment(self) -> dict[str, str]:
        """What makes an application ask here."""
        folders = (str(_RESOLVER), str(_RESOLVER.parents[2]))
        return {"PYTHONPATH": ":".join(folders), "STAGED_HOSTS": str(self._file)}

    def forget(self) -> None:
        """Let the name stop resolving."""
        self._file.write_text("")

    def remember(self) -> None:
        """Let the name resolve."""
        self._file.write_text(f"127.0.0.1 {HOST}\n")
