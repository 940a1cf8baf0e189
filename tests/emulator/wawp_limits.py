"""How much an instance of Wawp may do: the policies of page session/rate-limit, and the plan's quota.

The page names policies and limits without figures, and does not say what comes beyond
them. The figures here are made up.
"""

from http import HTTPStatus

from .clock import Clock
from .model import JsonObject
from .rate_limit import RateLimiter
from .wawp_errors import Refused, error_of_status, invalid_param

_NAMES_OF_LIMITS = (
    "send_message_per_minute",
    "send_message_daily_cap",
    "account_protection_seconds",
    "concurrent_limit",
    "group_req_per_minute",
    "group_daily_cap",
    "check_req_per_minute",
    "check_daily_cap",
)
_POLICIES = {
    "strict": (5, 100, 10, 1, 5, 50, 5, 50),
    "standard_policy": (20, 1000, 3, 2, 20, 200, 20, 200),
    "business_policy": (60, 10_000, 0, 5, 60, 2000, 60, 2000),
}
# Vendor docs, page session/rate-limit: policies that need no plan.
_FREE = ("strict", "standard_policy")
_MINUTE = 60
_DAY = 24 * 60 * _MINUTE


class Limits:
    """The policy of one instance, and what it has used up."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing used."""
        self._slug = "standard_policy"
        self._limiter = RateLimiter(clock)
        self._messages = 0

    def as_json(self, *, has_plan: bool) -> JsonObject:
        """Return what can be chosen; which one is chosen has no field on the page."""
        return {
            "policies": [
                {
                    "slug": slug,
                    "available": has_plan or slug in _FREE,
                    "limits": dict(zip(_NAMES_OF_LIMITS, figures, strict=True)),
                }
                for slug, figures in _POLICIES.items()
            ],
            "free_policies": list(_FREE),
            "has_active_plan": has_plan,
        }

    def choose(self, slug: str, *, has_plan: bool) -> None:
        """Choose a policy that the plan has."""
        if slug not in _POLICIES:
            raise invalid_param("policy_slug")
        if not has_plan and slug not in _FREE:
            raise Refused(HTTPStatus.FORBIDDEN, "subscription_required", "This policy needs a paid subscription")
        self._slug = slug

    def count_message(self, *, policy_holds: bool, per_month: int) -> None:
        """Count a message that is to be sent, unless there were too many.

        Args:
            policy_holds: Whether the chosen policy is enforced.
            per_month: What the plan has, 0 if that does not matter. No month ever ends here.

        """
        # The vendor's READMEs have quotas for the free plan; this refusal is documented
        # for another one of them, that of instances.
        if per_month and self._messages >= per_month:
            raise Refused(HTTPStatus.FORBIDDEN, "quota_reached", "Quota or Limit Reached")
        if policy_holds:
            self._count("send_message_per_minute", _MINUTE)
            self._count("send_message_daily_cap", _DAY)
        self._messages += 1

    def count_check(self, *, policy_holds: bool) -> None:
        """Count a number that is to be looked up: one a second whatever the policy is."""
        if not self._limiter.allows("check", 1, 1):
            raise error_of_status(HTTPStatus.TOO_MANY_REQUESTS)
        if policy_holds:
            self._count("check_req_per_minute", _MINUTE)
            self._count("check_daily_cap", _DAY)

    def _count(self, name: str, seconds: float) -> None:
        limit = _POLICIES[self._slug][_NAMES_OF_LIMITS.index(name)]
        if not self._limiter.allows(name, limit, seconds):
            raise error_of_status(HTTPStatus.TOO_MANY_REQUESTS)
