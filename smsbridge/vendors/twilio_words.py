"""What Twilio may make of a text's words: trims it, puts a sentence before it, or replaces letters outside GSM.

Source of the replacements: https://www.twilio.com/docs/messaging/services/smart-encoding-char-list. They are made only
where nothing else is left that GSM lacks: a text with an emoji stays as it is
(https://www.twilio.com/docs/messaging/services#smart-encoding).
"""

import unicodedata

#: what a trial account's texts begin with
_TRIAL = "Sent from your Twilio trial account - "

_INSTEAD = {
    '"': "\u00ab\u00bb\u201c\u201d\u02ba\u02ee\u201f\u275d\u275e\u301d\u301e",
    "'": "\u2018\u2019\u02bb\u02c8\u02bc\u02bd\u02b9\u201b\u00b4\u02ca\u0060\u02cb\u275b\u275c",
    "/": "\u00f7\u2044\u2215",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212",
    "": "\u200b\u2060\ufeff",
}
_REPLACED = str.maketrans({letter: plain for plain, letters in _INSTEAD.items() for letter in letters})
#: GSM has Latin and Greek letters and the euro sign; nothing else that it has is from here on
_BEYOND_GSM = "\u0400"


def same_words(body: str, text: str) -> bool:
    """Whether Twilio shows this text with that body. No text is the same as one of which nothing is left."""
    left = _folded(text)
    return bool(left) and _folded(body.removeprefix(_TRIAL)) == left


def perhaps_same_words(body: str, text: str) -> bool:
    """Whether the body may be what replacements that are not known here made of the text: with the same letters."""
    replaced = any(char > "\u00ff" for char in text) and all(char < _BEYOND_GSM or char == "\u20ac" for char in body)
    return replaced and _letters(body.removeprefix(_TRIAL)) == _letters(text)


def _folded(text: str) -> str:
    """Everything but spaces that count for nothing; what is not replaced, such as an emoji, stays what it is."""
    return " ".join(unicodedata.normalize("NFKC", text.translate(_REPLACED)).translate(_REPLACED).split())


def _letters(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())
