"""Memory for what is worked out from a study again and again: bounded, and gone with the study. No streamlit."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, ref

from explorer.study.study import Study

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


def remembered(
    most: int,
) -> Callable[[Callable[Concatenate[Study, Asked], Found]], Callable[Concatenate[Study, Asked], Found]]:
    """Keep what a function found in a study; an opened study never changes, one that was built anew is another one.

    An ordinary lru_cache would keep studies alive that nobody looks at any more, with all that was read of them.

    Args:
        most: how many answers are kept for each study, those that were asked for last.

    Returns:
        A decorator for functions of a study and hashable arguments. What they return is shared, also between
        threads, so nobody may change it, and it must not refer to the study.
    """

    def around(find: Callable[Concatenate[Study, Asked], Found]) -> Callable[Concatenate[Study, Asked], Found]:
        memories: WeakKeyDictionary[Study, Callable[Asked, Found]] = WeakKeyDictionary()

        @wraps(find)
        def recall(study: Study, *asked: Asked.args) -> Found:
            memory = memories.get(study)
            if memory is None:
                known = ref(study)  # a memory that held its study would keep it
                memory = memories[study] = lru_cache(maxsize=most)(lambda *words: find(known(), *words))
            return memory(*asked)

        return recall

    return around
