"""The fifth story: what happened is shown. The console's pages and the report of a run. Pure: ports and requests in."""
