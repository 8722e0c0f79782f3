"""What a failure means and what to do, in the language of HR. Enters: an error or skip code of the log. Pure.

The codes are those of docs/entra.md D7, A8 and A13. A code that is not here is shown as Entra gave it, with its
reason. `docs/errors.md` holds the same advice for people; a test keeps the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Who can mend it."""

    DATA = "data"  # the record: HR corrects it
    CONFLICT = "conflict"  # another account is in the way: HR and IT look together
    MAPPING = "mapping"  # the source file or the mapping in Entra: IT
    RIGHTS = "rights"  # permissions, licences, scope: IT
    CONNECTION = "connection"  # the agent or the directory cannot be reached: IT
    PASSING = "passing"  # nobody: Entra tries again, or nothing is wrong
    OTHER = "other"


@dataclass(frozen=True)
class Advice:
    """What a code means and what to do."""

    cause: Cause
    meaning: str
    remedy: str


_D, _C, _M, _R, _N, _P = Cause.DATA, Cause.CONFLICT, Cause.MAPPING, Cause.RIGHTS, Cause.CONNECTION, Cause.PASSING
_AGAIN = "nothing: Entra tries again by itself, and the next drop sends the person again"
_AGENT = Advice(_N, "the provisioning agent cannot be reached", "see that the agent's service runs on its server")
_TAKEN = Advice(
    _C, "another account has this user name or employee id already", "find the other account; one of them must change"
)
_REFUSED = Advice(_R, "the directory does not let Entra do this", "look at the rights of the provisioning app or agent")
_TRANSIENT = Advice(_P, "the directory had trouble for a moment", _AGAIN)
_SHAPE = Advice(_D, "a value does not fit the directory", "correct the value that the reason names: length, characters")
_MISSING = Advice(_D, "a value that the directory needs is missing", "fill in the cell that the reason names")
_TWICE = Advice(_C, "several accounts match this person", "leave only one account with this employee id")

ADVICE: dict[str, Advice] = {
    "Conflict": _TAKEN,
    "EntryConflict": _TAKEN,
    "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique": _TAKEN,
    "TooManyRequests": _TRANSIENT,
    "InternalServerError": _TRANSIENT,
    "InternalError": _TRANSIENT,
    "WebExceptionProtocolError": _TRANSIENT,
    "Timeout": _TRANSIENT,
    "InsufficientRights": _REFUSED,
    "MethodNotAllowed": _REFUSED,
    "NotPermitted": _REFUSED,
    "Unauthorized": _REFUSED,
    "AzureActiveDirectoryForbidden": _REFUSED,
    "UnprocessableEntity": _SHAPE,
    "NotImplemented": Advice(
        _M, "the directory cannot do what the mapping asks for", "have IT correct the mapping in Entra"
    ),
    "ConstraintViolation-AtrErr": _SHAPE,
    "InvalidAttributeSyntax-LdapErr": _SHAPE,
    "AttributeValidationFailed": _SHAPE,
    "InvalidAnchor": Advice(
        _C, "the account that belonged to this person is gone", "have IT restart provisioning, so that it matches anew"
    ),
    "MandatoryFieldsMissing": _MISSING,
    "MissingValues": _MISSING,
    "ImportSkipped": Advice(_D, "the record has no key", "fill in the key"),
    "SchemaAttributeNotFound": Advice(
        _M, "the mapping in Entra names an attribute that is not there", "have IT correct the attribute mapping"
    ),
    "SchemaPropertyCanOnlyAcceptValue": Advice(
        _M, "several values were mapped to an attribute that holds one", "have IT correct the attribute mapping"
    ),
    "InvalidDomain": Advice(
        _M, "the domain of the user name is not verified in Entra", "have IT verify the domain, or map another one"
    ),
    "LicenseLimitExceeded": Advice(_R, "there are not enough licences", "have IT add licences"),
    "AzureActiveDirectoryQuotaLimitExceeded": Advice(
        _R, "the directory is full", "have IT ask Microsoft for a larger directory quota"
    ),
    "DuplicateTargetEntries": _TWICE,
    "HybridSynchronizationActiveDirectoryUnexpectedDuplicateEntriesFound": _TWICE,
    "DuplicateSourceEntries": Advice(_D, "several records have this key", "give each person a key of their own"),
    "EntrySynchronizationSkipped": Advice(
        _P,
        "nothing to do, or the person is out of the provisioning app's scope",
        "nothing; if the person should be in, have IT look at the scoping filter",
    ),
    "RedundantExport": Advice(_P, "the account is as it should be", "nothing"),
    "NotEffectivelyEntitled": Advice(
        _R, "the person is out of the provisioning app's scope", "have IT look at the scoping filter"
    ),
    "AzureActiveDirectoryInvalidUserPrincipalName": Advice(
        _D, "no user name can be made from this", "use letters, digits, dot and hyphen in the user name"
    ),
    "AzureActiveDirectoryInvalidUserPrinicipalNameFormat": Advice(
        _D, "no user name can be made from this", "use letters, digits, dot and hyphen in the user name"
    ),
    "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService": Advice(
        _M, "this account is mastered elsewhere, for example on-premises", "have IT provision this person there"
    ),
    "HybridSynchronizationActiveDirectoryInsufficientAccessRights": Advice(
        _R, "the agent may not change this account", "have IT give the agent's account the rights it lacks"
    ),
    "HybridSynchronizationActiveDirectoryCannotFindAttribute": Advice(
        _N, "the agent does not know an attribute yet", "have IT restart the provisioning agent"
    ),
    "HybridSynchronizationActiveDirectoryInternalServerError": _AGENT,
    "HybridIdentityServiceNoAgentsAssigned": _AGENT,
    "HybridIdentityServiceNoActiveAgents": _AGENT,
    "HybridIdentityServiceInvalidResource": _AGENT,
    "HybridIdentityServiceAgentSignalingError": _AGENT,
    "TimeOut": _AGENT,
    "OperationsError-SvcErr": Advice(
        _M, "the organizational unit for new accounts does not exist", "have IT correct the default OU or its mapping"
    ),
    "UnableToResolveReferenceAttributeValue": Advice(
        _D, "the manager is not known to this provisioning app", "see that the manager comes with the same feed"
    ),
    "Refused": Advice(
        _D, "Entra's upload does not accept this record", "have IT compare the record with the source file's mapping"
    ),
    "StagedAction": Advice(
        _R,
        "Entra's accidental deletion prevention holds the change back",
        "have IT allow or reject it in the portal; Entra carries it out when it is allowed",
    ),
    "Deleted": Advice(
        _R, "Entra deleted the account", "have IT restore it within 30 days, and switch Delete off in the mapping"
    ),
}


def advice_for(code: str) -> Advice:
    """The advice for a code; one that is unknown keeps Entra's own reason and sends people to IT."""
    return ADVICE.get(code) or Advice(Cause.OTHER, "", "show the code and the reason to IT" if code else "")
