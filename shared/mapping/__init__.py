"""Records to SCIM users, by the rules of a source file."""
