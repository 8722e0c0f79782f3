"""Rollcall: HR's CSV drops become accounts in Microsoft Entra ID, and every row gets an answer.

The steps are packages: planning, sending, collecting. `app` builds them from settings.
"""
