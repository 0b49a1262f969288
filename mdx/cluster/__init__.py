"""Songs on other machines, through Dask: one song an errand, its files shared or brought along."""
