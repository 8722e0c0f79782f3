"""`rollcall setup`: the provisioning app in Entra, planned, applied, checked."""
