"""SMS_INTRODUCTION, which is a template or the dotted path of a function."""

import re

# One word with dots between its parts: as an introduction that people should read it would be strange indeed, so what
# looks like a path and leads nowhere is refused as a misspelt one, instead of being texted to everybody.
_DOTTED_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def is_function(introduction: str) -> bool:
    """Whether it names a function: "myproject.texts.introduction" does, "Hi from Acme." and any template do not."""
    return _DOTTED_PATH.fullmatch(introduction) is not None


def introduction_fields(introduction: str) -> dict[str, str]:
    """The fields of a Bridge that it fills."""
    if is_function(introduction):
        return {"introduction": "", "introduction_function": introduction}
    return {"introduction": introduction, "introduction_function": ""}
