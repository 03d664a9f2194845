"""The views that hold children against their parent, day by day (rule 9): ``marts.reconciliation`` and its like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from layers_etl.domain.metrics import ADDITIVE, CONVERSION_VALUE_PLACES, ROAS
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, Scope
from layers_etl.warehouse.sql import count_sum, load_sql
from layers_etl.warehouse.tables import MEASURE_COLUMNS, SPENT_IN, in_account

SAME_MOMENT: Final = timedelta(minutes=15)
"""A run reads an account next to its campaigns; further apart than this, it was not one sitting."""

MOST_DECIMALS: Final = 6
"""Of a printed ROAS. More can't be told from a value kept to four decimals, and make no difference to it."""

DECIMALS_DAYS: Final = 28
"""Four weeks of an entity's values show how many decimals its ROAS is printed with."""

MONEY_MEASURES: Final = frozenset({"spend", "conversion_value"})


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Which children are held against which parent, and the view in ``marts`` that shows it."""

    view: str
    parent: Scope
    child: Scope

    @property
    def children(self) -> str:
        """As columns name them."""
        return f"{self.child.name}s"

    def sql(self, name: str, **more: object) -> str:
        """The text of the file ``name`` for the two. Only constants are filled in: theirs, and ``more``."""
        return load_sql(name).format(
            view=self.view,
            parent=self.parent.name,
            child=self.child.name,
            children=self.children,
            key=", ".join(self.parent.key_columns),
            parent_id=self.parent.id_column,
            child_days=_child_days(self.child),
            **more,
        )


OF_ACCOUNTS: Final = Reconciliation("reconciliation", AD_ACCOUNT, CAMPAIGN)
RECONCILIATIONS: Final = (OF_ACCOUNTS, Reconciliation("project_reconciliation", PROJECT, AD_ACCOUNT))


def reconciliations_of(scopes: Sequence[Scope]) -> list[Reconciliation]:
    """Those of which both sides are among ``scopes``."""
    return [each for each in RECONCILIATIONS if {each.parent, each.child} <= set(scopes)]


def reconciliation_views(scopes: Sequence[Scope]) -> Iterable[str]:
    """The SQL that creates each, for the scopes whose tables the file has."""
    return map(_create_view, reconciliations_of(scopes))


def _create_view(reconciliation: Reconciliation) -> str:
    view, parent, children = reconciliation.view, reconciliation.parent, reconciliation.children
    platform = "parent.platform, " if "platform" in parent.details else ""
    return reconciliation.sql(
        "views/reconciliation",
        counted_key=_counted_key(parent),
        counted_as=_COUNTED_AS if parent is AD_ACCOUNT else "",
        is_second_id="counted.counts_as IS NOT NULL" if parent is AD_ACCOUNT else "false",
        parent_columns=f"parent.name AS {parent.name}_name, {platform}",
        measured=", ".join(f"measured.{name}" for name in ADDITIVE),
        value="conversion_value::DOUBLE AS value",
        divisor=f"CASE WHEN conversion_value IS NOT NULL THEN greatest(spend, {ROAS.floor})::DOUBLE END AS divisor",
        roas_unit=_roas_unit(),
        decimals_days=DECIMALS_DAYS,
        half_unit=CONVERSION_VALUE_PLACES / 2,
        sums=",\n    ".join(_sides(name, parent, children) for name in ADDITIVE),
        parent_sides_if_known=", ".join(
            f"CASE WHEN {parent.name}_known THEN {parent.name}_{name} END AS {parent.name}_{name}" for name in ADDITIVE
        ),
        residuals=",\n    ".join(
            f"{_comparable_only(name, f'{parent.name}_{name} - {children}_{name}')} AS {name}_residual"
            for name in ADDITIVE
        ),
        shown=",\n  ".join(_shown(name, parent, children) for name in ADDITIVE),
        all_agree=" AND ".join(f"coalesce({name}_agrees, true)" for name in ADDITIVE),
        comments="\n".join(_measure_comments(view, parent, children, name) for name in ADDITIVE),
        moment_minutes=int(SAME_MOMENT.total_seconds()) // 60,
    )


_COUNTED_AS: Final = (
    "LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account')"
    " AS counted USING (project_id, ad_account_id)"
)
"""An account that is known under several ids is reconciled as one, under the id that it counts as."""


def _child_days(child: Scope) -> str:
    """The days of the children, each in the account that it was spent in."""
    days = f"ads.{child.metrics_table}"
    return f"(SELECT *, {SPENT_IN} AS ad_account_id FROM {days})" if in_account(child) else days


def _counted_key(parent: Scope) -> str:
    account = ", coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id" if parent is AD_ACCOUNT else ""
    return f"measured.project_id{account}"


def _roas_unit() -> str:
    """One unit of the last decimal of a ROAS with the fewest that give the row's conversion value to the rounding it is
    kept with."""
    # Of a million days, this is most of what it takes to reconcile: round(…, n) would take the power anew for each.
    distance = "abs(value - round(value_by_divisor * 1e{n}) / 1e{n} * divisor)"
    # More than half a unit by what double arithmetic can lose: a decimal too many would make the bound too narrow.
    tolerance = f"{CONVERSION_VALUE_PLACES / 2 + Decimal('1e-8')}::DOUBLE + 1e-15 * value"
    cases = " ".join(f"WHEN {distance.format(n=n)} <= {tolerance} THEN 1e-{n}" for n in range(MOST_DECIMALS))
    return f"CASE WHEN divisor IS NULL THEN NULL {cases} ELSE 1e-{MOST_DECIMALS} END"


def _sides(name: str, parent: Scope, children: str) -> str:
    """A side without a bucket has nothing, which is zero; one whose buckets don't know the measure is null."""
    return ", ".join(
        f"CASE WHEN count(*) FILTER ({side}) = 0 THEN 0 ELSE sum({name}) FILTER ({side}) END AS {column}_{name}"
        for side, column in (("NOT is_child", parent.name), ("is_child", children))
    )


def _comparable_only(name: str, expression: str) -> str:
    """No sum crosses a currency (rule 8)."""
    return f"CASE WHEN one_currency THEN {expression} END" if name in MONEY_MEASURES else expression


def _shown(name: str, parent: Scope, children: str) -> str:
    bound = "conversion_value_bound" if name == "conversion_value" else "0"
    children_sum = _comparable_only(name, f"compared.{children}_{name}")
    sums = {
        f"{children}_{name}": children_sum,
        f"{parent.name}_{name}": f"compared.{parent.name}_{name}",
        f"{name}_residual": f"compared.{name}_residual",
    }
    columns = (f"{sum_ if name in MONEY_MEASURES else count_sum(sum_)} AS {column}" for column, sum_ in sums.items())
    return f"{', '.join(columns)}, abs(compared.{name}_residual) <= {bound} AS {name}_agrees"


def _measure_comments(view: str, parent: Scope, children: str, name: str) -> str:
    return load_sql("views/reconciled_measure_comments").format(
        view=view,
        measure=name,
        parent=parent.name,
        children=children,
        in_currency=", in currency" if name in MONEY_MEASURES else "",
        unit=MEASURE_COLUMNS[name].unit,
        bound="conversion_value_bound" if name == "conversion_value" else "0: it adds up exactly",
    )
