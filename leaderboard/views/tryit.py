"""Try a model: type a text and see what the tuned model says beside its base.

The model runs in a process of its own (`tuneboard serve RUN`); this page only asks it.
"""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from leaderboard import listings, words
from leaderboard.readings import open_board
from leaderboard.settings import Settings
from leaderboard.views.voting import vote_here

PATIENCE_S = 60
MOST_CHARACTERS = 20_000


class NotServed(Exception):
    """Nobody answers there; the message says what happened."""


def show() -> None:
    """Draw the page."""
    st.title("Try it")
    settings = Settings()
    if not settings.serve or settings.serve_token is None:
        _how()
        return
    try:
        about = ask(settings, "GET", "/health")
    except NotServed as error:
        st.warning(words.plain(f"The model does not answer: {error}"), icon=":material/cloud_off:")
        _how()
        return
    _form(settings, about)


def _how() -> None:
    st.markdown(
        "Serve a finished run on this machine, then start the leaderboard with the two variables "
        "that it prints:"
    )
    st.code("tuneboard serve RUN", language="shell")


def _form(settings: Settings, about: dict[str, Any]) -> None:
    name = words.method(str(about["method"]), str(about["base"]))
    st.markdown(
        f"{words.plain(name)} for {words.plain(str(about['task']))}, run "
        f"{words.plain(str(about['run']))}."
    )
    if not about["compares"]:
        st.caption("Its base cannot be asked beside it: what answers did not exist before tuning.")
    elif st.toggle(
        "Blind: two answers without names", value="blind" in st.query_params, key="blind"
    ):
        _blind(settings, about)
        return
    with st.form("ask"):
        text = st.text_area("Text", max_chars=MOST_CHARACTERS, placeholder="Type a text")
        sent = st.form_submit_button("Ask", type="primary", icon=":material/send:")
    if not sent or not text.strip():
        return
    try:
        found = ask(settings, "POST", "/predict", {"text": text, "compare": True})
    except NotServed as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    st.html(listings.answers(found, found.get("base")))
    st.caption("Times are of this one request, on the machine that serves the model.")


def _blind(settings: Settings, about: dict[str, Any]) -> None:
    def both(text: str) -> dict[str, Any]:
        return ask(settings, "POST", "/predict", {"text": text, "compare": True})

    try:
        vote_here(open_board(), settings.opened, about, both)
    except NotServed as error:
        st.error(words.plain(str(error)), icon=":material/error:")


def ask(
    settings: Settings, verb: str, path: str, body: dict[str, object] | None = None
) -> dict[str, Any]:
    """What the served model says.

    Raises:
        NotServed: Nobody answers, or the answer is a refusal.
    """
    token = settings.serve_token.get_secret_value() if settings.serve_token else ""
    place = urlsplit(settings.serve)
    connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request(verb, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotServed(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NotServed(str(found.get("error", answer.status)))
    return dict(found)
