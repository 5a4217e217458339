"""What every answer of the application shares: headers, request ids, limits and pages."""
