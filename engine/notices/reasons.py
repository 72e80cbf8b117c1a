"""Why a digital signature is not taken, in words for the person who signed."""

from __future__ import annotations

from engine.kernel.errors import n_

UNKNOWN = n_("whether the signature is valid is not known; nothing was approved")
AWAY = n_("the service that checks signatures cannot be reached; nothing was approved, try again")
ODD = n_("the service that checks signatures did not clearly say that this one is valid; nothing was approved")
WRONG = n_("the signature is not over the notice as it stands now; take its bytes again and sign them")
REVOKED = n_("the certificate of the signature is revoked")
EXPIRED = n_("the certificate of the signature is not valid at this time")
UNCONFIRMED = n_("the certificate of the signature was not confirmed by the certification authority")
TO_SIGN_IN = n_("the certificate of the signature is one for signing in, not for signing")
NOBODY = n_("the certificate of the signature names no person with an IIN")
NOT_SEALED = n_("the service did not seal it")
NO_CMS = n_("that is no digital signature (CMS)")
NOT_DETACHED = n_("the signature holds a text of its own; a detached one over the notice's bytes is needed")
NOT_ONE = n_("a signature of exactly one person is needed: the approver's")
