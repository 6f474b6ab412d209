"""Random and structure-aware input against every parser and every door of the product; see docs/how-to/fuzz.md."""
