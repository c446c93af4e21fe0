"""Studies: a function per question, parameters in, one xarray.Dataset out, through the store."""
