"""The check function: a custom resource that refuses, before all else is changed, what AWS refuses later.

A domain takes half an hour to make, and a refusal after it undoes all; a key that changes too early loses
events. So this comes first, what the stack has besides waits for it, and its sentence is what the stack's
events show.
"""

from typing import TYPE_CHECKING, Any, Final

from handler.checking.account import Account
from handler.checking.choices import find_contradictions
from handler.checking.keys import find_key_changes
from handler.installing.custom_resource import DELETE, UPDATE, Request, Responder, Status
from handler.observe import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

NOTHING: Final = "nothing to check: the stack goes"
PASSED: Final = "nothing stands in the way"
UNTOLD: Final = "this may be the way back of an update, which is never refused, or it would have been"


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, str]:
    """Handle one request of CloudFormation, and answer it whatever happens.

    Returns:
        What CloudFormation was told.

    Raises:
        ValueError: the event does not come from CloudFormation.
        urllib3.exceptions.HTTPError: the answer could not be sent; Lambda will try it all again.
    """
    request = Request.from_event(event)
    status, reason = _check(request, event.get("OldResourceProperties") or {})
    logger.info(
        "check.done", extra={"status": status.value, "reason": reason, "request_id": context.aws_request_id}
    )
    Responder(request).answer(status, reason)
    return {"Status": status.value, "Reason": reason}


def _check(request: Request, before: dict[str, str]) -> tuple[Status, str]:
    if request.kind == DELETE:
        return Status.SUCCESS, NOTHING
    account = Account(request.identity["StackId"])
    try:
        refusals = [*find_contradictions(request.properties), *find_key_changes(request.properties, before)]
        refusals += account.find_obstacles(request.properties, before)
        # Asked last and only then: what was there before is never refused, or the stack would be stuck. What
        # is made goes back by a deletion.
        back = bool(refusals) and request.kind == UPDATE and account.is_going_back()
    except Exception:  # noqa: BLE001  # a fault of the check must not stop a stack that AWS would take
        logger.exception("check.failed")
        return Status.SUCCESS, "not checked: the check failed, see the functions' log"
    if back is None:
        # An update that takes back what was refused looks like any other: it asks for what stood before it.
        return Status.SUCCESS, f"not checked: {', '.join(account.unknown)}; {UNTOLD}: {' '.join(refusals)}"
    if refusals and not back:
        return Status.FAILED, " ".join(refusals)
    if account.unknown:
        return Status.SUCCESS, f"{PASSED}; not checked: {', '.join(account.unknown)}"
    return Status.SUCCESS, PASSED
