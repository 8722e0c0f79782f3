"""Set-up: the provisioning app that a source file asks for, against the one that Entra has. Pure; Graph is a port."""
