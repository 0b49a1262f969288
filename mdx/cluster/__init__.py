"""Songs on other machines through Dask: one song per job, whose files are shared or sent."""
