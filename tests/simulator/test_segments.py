import pytest

from smsbridge.simulator.segments import count, split


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # the euro sign takes two septets and is not split
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),  # 33 of them in a part, as a pair is not split
    ],
)
def test_it_counts_segments_as_vendors_bill_them(text: str, segments: int) -> None:
    assert count(text) == segments
    assert "".join(split(text)) == text
