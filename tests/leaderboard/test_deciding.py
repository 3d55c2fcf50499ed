"""A review decided on its page, by people whom a real OpenID provider vouches for."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import golden
import nodes
import pytest
from leaderboard_served import WAIT_MS, free_port, serving
from pages import Draw, said

from bot.hosts.projection import project
from storage import chain, published, reviews, votes
from storage.deciding import compared_with
from storage.home import Home
from storage.ledger import Ledger
from storage.marks import marks
from storage.records import Method, Person, Policy, PolicyRule, ReviewState, Role, Verdict

ANA = Person(name="ana", roles=frozenset({Role.LAUNCHER, Role.REVIEWER}))
PEOPLE = """
[people.ana]
roles = ["launcher", "reviewer"]
login = "ana@example.com"
[people.reva]
roles = ["reviewer"]
login = "reva@example.com"
[people.leo]
roles = ["launcher"]
login = "leo@example.com"
"""
PROVIDER = """
okta:
  users:
    - {{login: reva@example.com, email: reva@example.com, first_name: Reva, last_name: R}}
    - {{login: ana@example.com, email: ana@example.com, first_name: Ana, last_name: A}}
    - {{login: leo@example.com, email: leo@example.com, first_name: Leo, last_name: L}}
    - {{login: eve@example.com, email: eve@example.com, first_name: Eve, last_name: E}}
  authorization_servers:
    - {{id: default, name: default, audiences: ["api://default"]}}
  oauth_clients:
    - client_id: tuneboard
      client_secret: a-secret-of-this-test
      name: Tuneboard
      redirect_uris: ["{redirect}"]
      auth_server_id: default
"""
SECRETS = """
[auth]
redirect_uri = "{redirect}"
cookie_secret = "a-cookie-secret-of-this-test-and-no-other"
client_id = "tuneboard"
client_secret = "a-secret-of-this-test"
server_metadata_url = "http://localhost:{port}/oauth2/default/.well-known/openid-configuration"
"""


@pytest.fixture
def under_review(tmp_path: Path) -> Iterator[tuple[Home, Ledger, str]]:
    """A home in which ana's run waits for a decision."""
    home = Home(tmp_path / "home")
    home.create()
    home.settings_file.write_text(PEOPLE)
    ledger = Ledger.open(home.ledger_file)
    policy = Policy(check=(PolicyRule(id="underfit", severity="show", on_not_run="allow"),))
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=240, policy=policy))
    levels = ((Method.TFIDF, 0.7), (Method.LORA, 0.92))
    runs = [
        golden.finish_run(
            ledger, home, task, golden.make_spec(task, method), key=str(method), accuracy=level
        )
        for method, level in levels
    ]
    project(home)
    against = compared_with(published.standing_of(home.board, runs[1].id))
    review = reviews.submit(ledger, home, runs[1], policy, ANA, against)
    project(home)
    yield home, ledger, review.id
    ledger.close()


@pytest.fixture
def address(under_review: tuple[Home, Ledger, str], served: str, tmp_path: Path) -> Iterator[str]:
    """The pages, with a provider that knows ana, reva, leo and eve, and a model to try."""
    provider, own = free_port(), free_port()
    redirect = f"http://localhost:{own}/oauth2callback"
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(SECRETS.format(redirect=redirect, port=provider))
    secrets.chmod(0o600)
    with (
        nodes.emulate(tmp_path, "okta", provider, PROVIDER.format(redirect=redirect)),
        serving(
            under_review[0],
            own,
            "localhost",
            STREAMLIT_SECRETS_FILES=str(secrets),
            TUNEBOARD_SERVE=served,
            TUNEBOARD_SERVE_TOKEN="token-of-this-test",
        ) as found,
    ):
        yield found


def _open_as(browser: Any, address: str, where: str, person: str) -> Any:
    """A page after a person logged in."""
    page = browser.new_context(viewport={"width": 1440, "height": 1200}).new_page()
    page.goto(f"{address}/{where}")
    page.get_by_role("button", name="Log in").click(timeout=WAIT_MS)
    page.locator(".user-btn", has_text=person).click(timeout=WAIT_MS)
    page.get_by_text("You are").wait_for(timeout=WAIT_MS)
    assert "/" + where.partition("?")[0] in page.url, "back to where it began"
    return page


def _decide(page: Any, word: str, reason: str) -> None:
    field = page.get_by_role("textbox", name="Reason (required)")
    field.fill(reason)
    field.press("Tab")
    page.get_by_role("button", name=word).click()


@pytest.mark.browser
def test_a_reviewer_decides_and_the_launcher_cannot(
    browser: Any, address: str, under_review: tuple[Home, Ledger, str]
) -> None:
    home, ledger, review_id = under_review
    page = _open_as(browser, address, f"review?review_id={review_id}", "ana@example.com")
    _decide(page, "Approve", "it is mine")
    page.get_by_text("nobody decides on their own run").wait_for(timeout=WAIT_MS)
    page = _open_as(browser, address, f"review?review_id={review_id}", "leo@example.com")
    _decide(page, "Approve", "I like it")
    page.get_by_text("the role 'reviewer' is needed").wait_for(timeout=WAIT_MS)
    page = _open_as(browser, address, f"review?review_id={review_id}", "eve@example.com")
    page.get_by_text("whom the settings do not name").wait_for(timeout=WAIT_MS)
    assert page.get_by_role("button", name="Approve").count() == 0
    assert reviews.decisions(ledger) == ()
    page = _open_as(browser, address, f"review?review_id={review_id}", "reva@example.com")
    home.settings_file.write_text(PEOPLE.replace('roles = ["reviewer"]', "roles = []"))
    _decide(page, "Approve", "my role is gone")
    page.get_by_text("the role 'reviewer' is needed").wait_for(timeout=WAIT_MS)
    home.settings_file.write_text(PEOPLE)
    _decide(page, "Approve", "")
    page.get_by_text("A reason is required").wait_for(timeout=WAIT_MS)
    _decide(page, "Approve", "clearly better than tf-idf")
    page.get_by_text("is recorded; the review is approved").wait_for(timeout=WAIT_MS)
    (made,) = reviews.decisions(ledger)
    assert (made.person, made.verdict) == ("reva", Verdict.APPROVE)
    assert made.reason == "clearly better than tf-idf"
    assert reviews.get(ledger, review_id).state is ReviewState.APPROVED
    assert chain.verify(ledger).problem == ""
    assert "reva" not in page.url
    project(home)
    page.reload()
    page.get_by_text("clearly better than tf-idf").wait_for(timeout=WAIT_MS)


def test_without_a_provider_the_page_says_where_to_decide(
    under_review: tuple[Home, Ledger, str], draw: Draw
) -> None:
    home, _, review_id = under_review
    test = draw("review", home.path, review_id=review_id)
    assert f"tuneboard approve {review_id} REASON" in said(test)
    assert not test.button


@pytest.mark.browser
def test_a_reviewer_marks_an_example_and_it_stands_at_it(
    browser: Any, address: str, under_review: tuple[Home, Ledger, str]
) -> None:
    home, ledger, review_id = under_review
    run_id = reviews.get(ledger, review_id).run_id
    where = f"examples?task=tickets&runs={run_id}"
    page = _open_as(browser, address, where, "leo@example.com")
    page.get_by_text("You are leo").wait_for(timeout=WAIT_MS)
    assert page.get_by_role("button", name="Mark").count() == 0
    page = _open_as(browser, address, where, "reva@example.com")
    reason = page.get_by_role("textbox", name="Reason (required)")
    reason.fill("this one costs a customer")
    reason.press("Tab")
    page.get_by_role("button", name="Mark").click()
    page.get_by_text("Marked as blocker").wait_for(timeout=WAIT_MS)
    (made,) = marks(ledger)
    assert (made.person, made.mark, made.run_id) == ("reva", "blocker", run_id)
    project(home)
    page.reload()
    page.get_by_text("blocker, says reva: this one costs a customer").wait_for(timeout=WAIT_MS)


class Model(BaseHTTPRequestHandler):
    """What `tuneboard serve` answers, for one run: a base that is always wrong."""

    run_id = ""

    def do_GET(self) -> None:
        about = {"method": "lora", "base": "minilm", "task": "tickets", "run": self.run_id}
        self._say(about | {"compares": True})

    def do_POST(self) -> None:
        base = {"answer": "what the base says", "milliseconds": 2.0}
        self._say({"answer": "what was tuned", "milliseconds": 1.0, "base": base})

    def _say(self, found: dict[str, object]) -> None:
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Quiet."""


@pytest.fixture
def served(under_review: tuple[Home, Ledger, str]) -> Iterator[str]:
    """A model that can be asked."""
    _, ledger, review_id = under_review
    handler = type("Served", (Model,), {"run_id": reviews.get(ledger, review_id).run_id})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.browser
def test_a_blind_vote_is_counted_and_only_then_told(
    browser: Any, served: str, address: str, under_review: tuple[Home, Ledger, str]
) -> None:
    home, ledger, review_id = under_review
    page = _open_as(browser, address, "try?blind=1", "leo@example.com")
    page.get_by_role("textbox", name="Text").fill("Where is my parcel?")
    page.get_by_role("textbox", name="Text").press("Tab")
    page.get_by_role("button", name="Ask both").click()
    page.get_by_text("what was tuned").wait_for(timeout=WAIT_MS)
    assert page.get_by_text("the tuned model, B was").count() == 0
    left = page.get_by_text("what was tuned").bounding_box()["x"]
    tuned_is_a = left < page.get_by_text("what the base says").bounding_box()["x"]
    page.get_by_role("button", name="A is better" if tuned_is_a else "B is better").click()
    page.get_by_text("A was the tuned model" if tuned_is_a else "A was its base").wait_for(
        timeout=WAIT_MS
    )
    (cast,) = votes.votes(ledger, reviews.get(ledger, review_id).run_id)
    assert (cast.person, cast.chosen) == ("leo", "tuned")
    project(home)
    page.goto(f"{address}/run?run_id={cast.run_id}")
    page.get_by_text("was preferred in 1 of 1").wait_for(timeout=WAIT_MS)
