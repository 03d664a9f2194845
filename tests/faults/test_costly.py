"""Faults that stay: they cost one entity or listing its days, which stand as they were; all else is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from layers_etl.api import Timeouts
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import RefusedError
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline
from .persistence import METRICS, persistent

pytestmark = pytest.mark.slow

UNANSWERED = {
    "500": ("status", {"status": 500}, "INTERNAL"),
    "502": ("status", {"status": 502}, "INTERNAL"),
    "503": ("status", {"status": 503}, "INTERNAL"),
    "504": ("status", {"status": 504}, "INTERNAL"),
    "a platform's refusal": ("platform_error", {"status": 400}, "PLATFORM_ERROR"),
    "a 403 that is not about the key": ("status", {"status": 403, "code": "FORBIDDEN"}, "FORBIDDEN"),
    "a VALIDATION of nothing we can leave out": ("status", {"status": 400, "message": "No."}, "VALIDATION"),
    "a code not heard of": ("status", {"status": 409, "code": "BRAND_NEW"}, "BRAND_NEW"),
    "a reset within the body": ("reset", {}, "CONNECTION"),
    "a stall": ("stalled", {"seconds": 5}, "TIMEOUT"),
    "429": ("rate_limited", {"retry_after": 0}, "RATE_LIMITED"),
}

UNBELIEVED = {
    "truncated JSON": ("truncated", {}, "MALFORMED"),
    "HTML with status 200": ("html", {}, "MALFORMED"),
    "another content type": ("content_type", {}, "MALFORMED"),
    "NaN": ("nan_numbers", {"metric": "spend"}, "UNTRUSTED"),
    "text": ("text_numbers", {"metric": "clicks"}, "UNTRUSTED"),
    "negatives": ("negative_numbers", {"metric": "impressions"}, "UNTRUSTED"),
    "counts that are not whole": ("fractional_numbers", {"metric": "conversions"}, "UNTRUSTED"),
    "an absurd count": ("absurd_numbers", {"metric": "impressions"}, "UNTRUSTED"),
    "an absurd amount": ("absurd_numbers", {"metric": "spend"}, "UNTRUSTED"),
    "buckets outside the window": ("buckets_outside", {}, "UNTRUSTED"),
    "another platform than listed": ("new_platform", {}, "UNTRUSTED"),
}


SURELY_STALLED = Timeouts(total=2)
"""Nothing but the stall takes so long on a busy machine, or another fault would be told as one."""

COSTLY = UNANSWERED | UNBELIEVED
OVERWHELMED = WorldConfig(accounts=3, campaigns=16)


def of(entity_id: str, effect: str, **parameters: object) -> Fault:
    """A fault of every answer about one campaign's metrics."""
    return Fault(effect=effect, parameters=parameters, path=METRICS, scope="campaign", entity=entity_id)


def rows_of(pipeline: Pipeline, entity_id: str) -> list[tuple[object, ...]]:
    """All that the warehouse holds of one campaign's numbers."""
    return pipeline.rows("SELECT * FROM ads.campaign_metrics WHERE campaign_id = ? ORDER BY day", [entity_id])


@dataclass(frozen=True)
class Aftermath:
    """After a good morning, and one on which every costly fault has its victim."""

    pipeline: Pipeline
    victims: dict[str, str]
    before: dict[str, list[tuple[object, ...]]]
    status: RunStatus


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with SandboxServer(OVERWHELMED, now=FIRST_MORNING) as sandbox:
        pipeline = persistent(sandbox, tmp_path_factory.mktemp("data"), SURELY_STALLED)
        victims = dict(zip(COSTLY, pipeline.spenders(morning(1)), strict=False))
        assert len(victims) == len(COSTLY)
        pipeline.run()
        before = {victim: rows_of(pipeline, victim) for victim in victims.values()}
        faults = [of(victims[name], effect, **parameters) for name, (effect, parameters, _) in COSTLY.items()]
        yield Aftermath(pipeline, victims, before, pipeline.run(morning(1), *faults).status)
        pipeline.let_go()


@pytest.mark.parametrize("fault", COSTLY)
def test_a_fault_that_stays_costs_one_campaign_its_days_and_is_on_record(aftermath: Aftermath, fault: str) -> None:
    pipeline, victim = aftermath.pipeline, aftermath.victims[fault]
    assert rows_of(pipeline, victim) == aftermath.before[victim] != []

    ((code, request_id, message),) = pipeline.rows(
        "SELECT code, request_id, message FROM ops.failures WHERE entity_id = ?", [victim]
    )
    assert code == COSTLY[fault][2]
    if fault != "a stall":
        assert request_id == pipeline.request_ids(victim)[-1], "the API's own id, for its support"
        assert request_id in message
    assert victim in message
    assert "\n" not in message
    kept = pipeline.rows(
        "SELECT request_id, length(body) > 50 FROM ops.untrusted_answers WHERE entity_id = ?", [victim]
    )
    assert kept == ([(request_id, True)] if fault in UNBELIEVED else [])


def test_all_else_is_true_and_the_next_run_asks_for_what_is_missing(aftermath: Aftermath) -> None:
    pipeline = aftermath.pipeline
    assert aftermath.status is RunStatus.INCOMPLETE
    assert pipeline.untrue(without=list(aftermath.victims.values())) == {}
    assert pipeline.rows("SELECT entities_failed FROM ops.runs WHERE run_id = 'run_2'") == [(len(COSTLY),)]
    assert pipeline.run(morning(2)).status is RunStatus.SUCCEEDED
    assert pipeline.untrue() == {}


def test_what_is_kept_of_an_answer_is_bounded(pipeline: Pipeline) -> None:
    victim = pipeline.spenders()[0]
    pipeline.run(FIRST_MORNING, of(victim, "text_numbers"))
    ((length,),) = pipeline.rows("SELECT length(body) FROM ops.untrusted_answers")
    assert 500 < length <= 64 * 1024


def test_a_campaign_that_is_gone_is_remembered_and_no_error_for_ever(pipeline: Pipeline) -> None:
    victim = pipeline.spenders()[0]
    pipeline.run()
    before = rows_of(pipeline, victim)
    gone = of(victim, "status", status=404)
    assert pipeline.run(morning(1), gone).status is RunStatus.INCOMPLETE, "said once"
    assert pipeline.run(morning(2), gone).status is RunStatus.SUCCEEDED
    assert len(pipeline.request_ids(victim)) == 1, "and asked once a run, as long as it is listed"
    assert rows_of(pipeline, victim) == before
    assert pipeline.rows("SELECT count(*) FROM ads.campaigns WHERE gone_at IS NOT NULL") == [(1,)]
    assert pipeline.untrue(without=[victim]) == {}


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN_SCOPE")])
def test_a_key_refused_in_mid_run_ends_it_and_what_landed_stays(pipeline: Pipeline, status: int, code: str) -> None:
    pipeline.run()
    before = pipeline.table(CAMPAIGN)
    revoked = Fault(effect="status", parameters={"status": status}, path=METRICS, after=5)
    with pytest.raises(RefusedError, match=code if status == 401 else "metrics:read"):
        pipeline.run(morning(1), revoked)
    ended = pipeline.rows("SELECT status, windows_read, contains(message, 'key') FROM ops.runs WHERE run_id = 'run_2'")
    assert ended == [("refused", 5, True)]
    landed = {entity for (entity,) in pipeline.rows("SELECT entity_id FROM ops.readings WHERE run_id = 'run_2'")}
    others = {*pipeline.listed(CAMPAIGN), *pipeline.listed(AD_ACCOUNT)} - landed
    assert len(landed) == 5
    assert pipeline.untrue(without=[*others]) == {}
    untouched = {key: row for key, row in before.items() if key[0] in others}
    assert untouched.items() <= pipeline.table(CAMPAIGN).items()
    assert pipeline.run(morning(1)).status is RunStatus.SUCCEEDED
    assert pipeline.untrue() == {}


def test_a_key_refused_at_once_writes_nothing(pipeline: Pipeline) -> None:
    with pytest.raises(RefusedError):
        pipeline.run(FIRST_MORNING, Fault(effect="status", parameters={"status": 401}))
    assert pipeline.rows("SELECT count(*) FROM ops.runs") == [(0,)]
    assert len(pipeline.sandbox.requests()) == 1


@pytest.mark.parametrize("fault", ["circular_cursor", "html", "reset"])
def test_a_listing_that_cannot_be_had_keeps_what_was_known_of_it(pipeline: Pipeline, fault: str) -> None:
    pipeline.run()
    listed = pipeline.rows("SELECT * FROM ads.campaigns ORDER BY ALL")
    broken = Fault(effect=fault, path="campaigns$")
    assert pipeline.run(morning(1), broken).status is RunStatus.INCOMPLETE
    assert pipeline.rows("SELECT * FROM ads.campaigns ORDER BY ALL") == listed
    assert pipeline.untrue() == {}, "what is known is read all the same"
    ((scope, what),) = pipeline.rows("SELECT scope, message FROM ops.failures")
    assert scope is None and "listing campaigns" in what
