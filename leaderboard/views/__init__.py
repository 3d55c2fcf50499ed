"""The pages, one file each: ask, shape, draw."""
