"""What every response of the application shares: headers, request ids, limits and pages."""
