"""The first story: a drop becomes a plan. Pure but for the ports it is given."""
