"""Rollcall: HR's CSV drops become accounts in Microsoft Entra ID, and every row gets an answer.

The folders tell the story in order: planning, sending, collecting. `wiring` puts them together.
"""
