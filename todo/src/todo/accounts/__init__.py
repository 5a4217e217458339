"""Access to the Todo API: accounts, passwords, logins and tokens."""
