"""Objects of mapped classes, as a session would load them and leave them when it ends."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy.orm.attributes import instance_dict, instance_state


class Loader:
    """Creates objects of one mapped class: loaded, unchanged, and detached.

    Attributes that were not selected, such as relationships, raise as on any detached object.

    Args:
        entity: The mapper, or the alias of its class.
        keys: The loaded attributes, in order.
    """

    __slots__ = ("_identity", "_is_none", "_loaded", "_manager", "_mapper", "keys", "name")

    def __init__(self, entity: Any, keys: Sequence[str]) -> None:
        mapper = entity.mapper
        self.name: str = entity.class_.__name__ if entity is mapper else entity.name
        self._mapper = mapper
        self._manager = mapper.class_manager
        self.keys = tuple(keys)
        of_key = [
            keys.index(mapper.get_property_by_column(each).key) for each in mapper.primary_key
        ]
        get = itemgetter(*of_key)
        self._identity = get if len(of_key) > 1 else lambda values: (get(values),)
        self._is_none = all if mapper.allow_partial_pks else any
        # For mutable types, composites and the application's own listeners.
        self._loaded = self._manager.dispatch.load

    @property
    def width(self) -> int:
        """The number of columns it takes."""
        return len(self.keys)

    def load(self, values: Sequence[Any]) -> Any:
        """An object from a row's values; None if its primary key is NULL, as in an outer join."""
        identity = self._identity(values)
        if None in identity and self._is_none(each is None for each in identity):
            return None
        loaded: Any = self._manager.new_instance()
        state = instance_state(loaded)
        instance_dict(loaded).update(zip(self.keys, values, strict=True))
        state.key = self._mapper.identity_key_from_primary_key(identity)
        if self._loaded:
            self._loaded(state, None)
        return loaded
