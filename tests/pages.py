"""What tests of pages share: the type of the fixture `draw`, and reading a drawn page."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

Draw = Callable[..., AppTest]


def html(test: AppTest) -> str:
    """All HTML of a page."""
    return "\n".join(element.proto.body for element in test.get("html"))


def said(test: AppTest) -> str:
    """All text of a page that is not HTML."""
    kinds = (
        test.title,
        test.header,
        test.subheader,
        test.markdown,
        test.info,
        test.warning,
        test.error,
    )
    return "\n".join(element.value for kind in (*kinds, test.caption) for element in kind)
