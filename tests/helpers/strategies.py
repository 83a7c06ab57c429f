"""Hypothesis strategies that several tests share."""

from hypothesis import strategies as st

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co", "Mn", "Me", "Mc", "Cf")), max_size=40
)
"""Texts of any script and with control characters, as a user or a hostile file may write them."""
