"""HTTP: one module for each area of the API. Enters: a call. Leaves: a response. Rules live elsewhere."""
