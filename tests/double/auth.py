"""Who asks, and may they: App JWTs verified for real, installation tokens with scope, permissions and an
end."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.double.state import App, Installation, Token, World
from tests.double.web import Anonymous, Caller, RefusedError, Route

LIFETIME = timedelta(hours=1)
TOKEN_LENGTH = 520
LONGEST_JWT = 600 + 60  # seconds: GitHub's ten minutes, and a minute for clocks that differ


@lru_cache(maxsize=8)
def key_pair(_number: int) -> tuple[str, str]:
    """Private and public PEM. Making one costs up to 0.3 s, so the n-th App of every double has the same
    key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def new_token_value(app: App, installation: int, expires: datetime) -> str:
    """``ghs_<App id>_<JWT>``, the long form that GitHub rolled out in April 2026: about 520 characters,
    two dots."""
    head = {"alg": "RS256", "typ": "JWT", "kid": secrets.token_hex(16)}
    claims = {
        "iss": "github",
        "aud": "github",
        "sub": f"installation:{installation}",
        "exp": int(expires.timestamp()),
    }
    parts = (json.dumps(head).encode(), json.dumps(claims).encode(), secrets.token_bytes(300))
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return f"ghs_{app.id}_{'.'.join(encoded)}"[:TOKEN_LENGTH]


def issue_token(
    world: World,
    installation: Installation,
    repositories: frozenset[int] | None,
    permissions: Mapping[str, str],
) -> Token:
    expires = world.clock.now() + LIFETIME
    token = Token(
        id=f"token-{len(world.tokens) + 1}",
        value=new_token_value(installation.app, installation.id, expires),
        installation=installation,
        repositories=repositories,
        permissions={"metadata": "read", **permissions},
        expires=expires,
    )
    world.tokens[token.value] = token
    return token


def caller_of(world: World, authorization: str | None) -> Caller:
    """From an Authorization header: Bearer or token with a JWT or an installation token, or Basic as git
    sends it."""
    if not authorization:
        return Anonymous()
    scheme, _, credential = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            return live_token(world, _basic(credential))
        case "bearer" | "token" if credential.startswith("ghs_"):
            return live_token(world, credential)
        case "bearer" if credential.count(".") == 2:
            return app_of_jwt(world, credential)
        case _:
            raise RefusedError(401, "Bad credentials")


def _basic(credential: str) -> str:
    try:
        user, _, secret = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        raise RefusedError(401, "Bad credentials") from None
    return secret if user == "x-access-token" else ""


def live_token(world: World, value: str) -> Token:
    token = world.tokens.get(value)
    if token is None or token.revoked or token.expires <= world.clock.now():
        raise RefusedError(401, "Bad credentials")
    if token.installation.suspended is not None:
        raise RefusedError(403, "This installation has been suspended")
    return token


def app_of_jwt(world: World, encoded: str) -> App:
    undecodable = RefusedError(401, "A JSON web token could not be decoded")
    try:
        claims = jwt.decode(encoded, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise undecodable from None
    issuer = str(claims.get("iss", ""))
    app = next((each for each in world.apps.values() if issuer in {str(each.id), each.client_id}), None)
    if app is None:
        raise RefusedError(404, "Integration not found")
    try:
        jwt.decode(
            encoded,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False, "verify_nbf": False},
        )
    except jwt.PyJWTError:
        raise undecodable from None
    _check_times(claims, int(world.clock.now().timestamp()))
    return app


def _check_times(claims: Mapping[str, object], now: int) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int) or expires <= now:
        raise RefusedError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires",
        )
    if not isinstance(issued, int) or issued > now + 5:
        raise RefusedError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time "
            "that the assertion was issued",
        )
    if expires > now + LONGEST_JWT:
        raise RefusedError(401, "'Expiration time' claim ('exp') is too far in the future")


def authorize(route: Route, caller: Caller) -> None:
    """May this caller use this endpoint at all? (Which repository is ``Call.repository``'s matter.)"""
    match route.who, caller:
        case "anyone", _:
            return
        case "app", App():
            return
        case "app", Token() | Anonymous():
            raise RefusedError(401, "A JSON web token could not be decoded")
        case _, App():
            raise RefusedError(401, "Bad credentials")
        case _, Anonymous():
            if route.method != "GET":  # what anyone may read is public: ``Call.repository`` knows
                raise RefusedError(401, "Requires authentication")
        case _, Token():
            permit(caller, route.needs)


def permit(token: Token, needs: tuple[str, ...]) -> None:
    """403 unless the token holds one of the permissions, with the header in which GitHub says what was
    missing."""
    pairs = [tuple(need.split(":")) for need in needs]
    if not pairs or any(token.allows(permission, level) for permission, level in pairs):
        return
    accepted = "; ".join(f"{permission}={level}" for permission, level in pairs)
    headers = {"X-Accepted-GitHub-Permissions": accepted}
    raise RefusedError(403, "Resource not accessible by integration", headers=headers)
