"""Deletes what has expired of accounts; run by the background job."""

from todo.accounts.models import ApiToken, Invite, KnownNetwork, Login, LoginAttempt, PasswordReset
from todo.batches import DeleteExpired

delete_expired_logins = DeleteExpired(Login)
delete_expired_attempts = DeleteExpired(LoginAttempt)
delete_expired_networks = DeleteExpired(KnownNetwork)
delete_expired_api_tokens = DeleteExpired(ApiToken)
delete_expired_links = DeleteExpired(PasswordReset)
delete_expired_invites = DeleteExpired(Invite)
