"""Songs on other machines, through Dask: one song a job, its files shared or brought along."""
