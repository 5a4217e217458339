"""Who may use the Todo API: accounts, passwords, logins and tokens."""
