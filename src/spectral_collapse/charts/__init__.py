"""Charts: one function per figure, an xarray.Dataset in, an Altair chart out."""
