"""Alerting: rules over runs, outcomes, checkpoints and jobs; each alert raised once, kept up to date, resolved once."""
