"""The variables of the environment or ``.env``, and secrets in the files that they name.

Orchestrators mount secrets as files; a value in the environment is visible in `docker inspect`, in
crash reports and in every child process.
"""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource

from wellhead.errors import SettingsError


class Variables(PydanticBaseSettingsSource):
    """A settings source with the fields of another source, and those that `<NAME>_FILE` names.

    The line end at the end of the file is not part of the value. An empty variable counts as unset.

    Args:
        beside: The source for the environment or the `.env` file; the names are looked up there.
        fields: The fields that can come from files.

    Raises:
        SettingsError: When the settings are read: a file cannot be read or is empty, or the value
            is set directly as well. The message never contains a value.
    """

    def __init__(self, beside: EnvSettingsSource, *fields: str) -> None:
        super().__init__(beside.settings_cls)
        self._beside = beside
        self._fields = fields

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of the field's file, or None when no variable names one."""
        del field
        variable = f"{self._beside.env_prefix}{field_name}_FILE".upper()
        path = self._lookup(variable)
        if path is None:
            return None, field_name, False
        direct = variable.removesuffix("_FILE")
        if self._lookup(direct) is not None:
            raise SettingsError(f"{direct} and {variable} are both set; keep one of them.")
        return _read(variable, Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The given fields, set directly or by a file."""
        return {**self._beside(), **self._from_files()}

    def _from_files(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        # A file is not opened if a stronger source has the value.
        wanted = [name for name in self._fields if name not in self.current_state]
        values = {name: self.get_field_value(fields[name], name)[0] for name in wanted}
        return {name: value for name, value in values.items() if value is not None}

    def _lookup(self, variable: str) -> str | None:
        variables = self._beside.env_vars
        return variables.get(variable) or variables.get(variable.lower()) or None


def _read(variable: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(
            f"{variable} names {path}, which cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError:
        raise SettingsError(f"{variable} names {path}, which is not text in UTF-8.") from None
    if not text:
        raise SettingsError(f"{variable} names {path}, which is empty.")
    return text
