"""What all responses of the application share: headers, request ids, limits and pages."""
