"""A study on disk: one folder, opened read-only. numpy and pandas only; never torch."""
