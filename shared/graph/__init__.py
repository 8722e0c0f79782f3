"""Microsoft Graph: uploads, the provisioning log, jobs, and what set-up changes."""
