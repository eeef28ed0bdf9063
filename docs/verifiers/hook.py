import base64
import hashlib
import hmac
import re
import time

TOLERANCE = 300  # seconds


def is_signed(headers, body, secret, now=None):
    """Whether Hikyaku signed the request.

    headers: a mapping that ignores case, as web frameworks have it.
    body: the octets as they came. secret: "whsec_...". now: in seconds.
    """
    id = headers.get("webhook-id")
    at = headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature")
    if not id or not signatures or not re.fullmatch("[0-9]{1,12}", at or ""):
        return False
    if abs((time.time() if now is None else now) - int(at)) > TOLERANCE:
        return False
    if not re.fullmatch("whsec_[A-Za-z0-9+/]{32,}=*", secret):
        raise ValueError("this is no secret of a hook")
    key = base64.b64decode(secret[len("whsec_"):])
    mac = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(mac)
    return any(
        hmac.compare_digest(signature.encode(), expected)
        for signature in signatures.split(" ")
    )
